import SystemPackage
import Testing

/// Disks, partitions and logical volumes lie where sfdisk and LVM say.
@Suite struct GeometryTests {
  @Test func diskAndPartitionsAreWhatSfdiskSees() async throws {
    for (mapped, count) in [(try await Maps.layers.value, 7), (try await Maps.demo.value, 2)] {
      let size = try fileSize(mapped.disk)
      #expect(mapped.map.lines("v", "/dev/sda").map(\.range) == [0..<size])
      #expect(
        mapped.map.comments.prefix(2) == [
          "# virt-bmap 2", "# disk 1 size=\(String(size, radix: 16)) format=raw file=\(mapped.disk)",
        ])
      // blkid looks at the same range, without the kernel.
      for line in mapped.map.lines where line.kind == "p" {
        let said = try await tool(
          "blkid",
          [
            "-p", "-O", "\(line.range.lowerBound)", "-S", "\(line.range.count)", "-s", "TYPE", "-o", "value",
            mapped.disk,
          ])
        let type = try #require(said.outputLines.first)
        #expect(mapped.map.comments.contains("# device \(line.device.text) type=\(type)"))
      }
      let expected = try await partitions(of: mapped.disk)
      #expect(expected.count == count)
      for (index, range) in expected.enumerated() {
        #expect(mapped.map.lines("p", "/dev/sda\(index + 1)").map(\.range) == [range])
      }
      #expect(mapped.map.lines.filter { $0.kind == "p" }.count == count)
      #expect(mapped.map.lines.filter { $0.kind == "v" }.count == 1)
    }
  }

  @Test func volumesAreWhatLVMSees() async throws {
    let mapped = try await Maps.layers.value
    let oracle = try await LayersOracle.shared.value
    let start = try await partitions(of: mapped.disk)[4].lowerBound
    for volume in ["/dev/vg/root", "/dev/vg/xfs"] {
      let segments = oracle.segments.filter { $0.volume == volume }.sorted { $0.offset < $1.offset }
      #expect(segments.count == (volume == "/dev/vg/root" ? 2 : 1))
      let lines = mapped.map.lines("l", volume)
      #expect(lines.map(\.offset) == segments.map(\.offset))
      #expect(
        lines.map(\.range) == segments.map { start + $0.physical..<start + $0.physical + $0.length }, "\(volume)")
    }
    #expect(mapped.map.lines.filter { $0.kind == "l" }.count == 3)
  }

  @Test func everyFileLiesInItsVolume() async throws {
    for mapped in [try await Maps.layers.value, try await Maps.demo.value] {
      for line in mapped.map.lines where line.kind == "f" || line.kind == "d" {
        let device = line.device.text.replacing("btrfsvol:/dev/sda3/sub", with: "/dev/sda3")
        let volume = mapped.map.lines("p", device) + mapped.map.lines("l", device)
        #expect(
          volume.contains { $0.range.contains(line.range.lowerBound) && $0.range.upperBound >= line.range.upperBound },
          "\(line.name)")
      }
    }
  }
}
