import BlockStack
import Bytes
import Foundation
import SystemPackage
import Testing

@testable import Filesystems

/// What the directory trees of ISO 9660 refer to, compared with xorriso's own reports.
@Suite struct ISO9660TreesTests {
  private static let sector: UInt64 = 2048

  /// An image with Rock Ridge and Joliet, names that need continuation areas, and two boot images.
  private func makeImage(_ directory: borrowing ImageDirectory) async throws {
    let tree = directory("tree")
    for (name, size) in [("bios", 5000), ("efi", 100_000), (String(repeating: "n", count: 240), 10), ("empty", 0)] {
      try Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 | 1) }).write(
        to: URL(fileURLWithPath: tree.appending(name).string))
    }
    try FileManager.default.createDirectory(
      atPath: tree.appending("a/b/c").string, withIntermediateDirectories: true)
    try await directory.run(
      "xorriso",
      [
        "-as", "mkisofs", "-quiet", "-R", "-J", "-b", "bios", "-no-emul-boot", "-boot-load-size", "4", "-c", "catalog",
        "-eltorito-alt-boot", "-e", "efi", "-no-emul-boot", "-o", "image", "tree",
      ])
  }

  private func rest(of image: ImageBytes) throws -> UnnamedSpace {
    let areas = try ISO9660().areas(on: image, known: [])
    var space = UnnamedSpace([0..<image.size].subtracting(areas.map(\.range).merged))
    try ISO9660().nameRest(of: &space, on: image)
    return space
  }

  @Test func allTrees() async throws {
    let directory = try ImageDirectory()
    try await makeImage(directory)
    var image = try ImageBytes(contentsOf: directory("image"))
    let space = try rest(of: image)
    #expect(space.ranges.isEmpty)
    // "File data lba:  0 ,      100 ,      288 ,   588895 , '/compressible'"
    let report = try await directory.run(
      "xorriso", ["-indev", "image", "-find", "/", "-type", "f", "-exec", "report_lba"])
    var files: [Range<UInt64>] = []
    for match in report.matches(of: /File data lba: *[0-9]+ , *([0-9]+) , *([0-9]+) ,/) {
      let (start, count) = (try #require(UInt64(match.1)), try #require(UInt64(match.2)))
      files.append(start * Self.sector..<(start + count) * Self.sector)
    }
    #expect(files.count > 100)
    let boot = space.areas.filter { $0.kind == .boot }
    #expect(boot.allSatisfy { $0.name == "boot image" })
    let named = (space.areas.filter { $0.name == "hidden file data" } + boot).map(\.range)
    #expect(named.merged == files.filter { !$0.isEmpty }.merged)
    // "El Torito boot img :   1  BIOS  y   none  0x0000  0x00      4         123"
    let images = try await directory.run("xorriso", ["-indev", "image", "-report_el_torito", "plain"])
    let starts = images.matches(of: /boot img : +[0-9] .* +([0-9]+)\n/).compactMap { UInt64($0.1) }
    #expect(boot.map { $0.range.lowerBound / Self.sector } == starts.sorted() && starts.count == 2)
    #expect(space.areas.bytes("continuation areas") > 0 && space.areas.bytes("directory records") > 10 * Self.sector)
    // What nothing refers to has no content.
    for area in space.areas where area.name == "unreferenced sectors" {
      #expect(image.data[Int(area.range.lowerBound)..<Int(area.range.upperBound)].allSatisfy { $0 == 0 }, "\(area)")
    }

    // Without the last descriptor, the list may be incomplete.
    image.data[19 * 2048 + 1] = 0
    #expect(try rest(of: image).areas.isEmpty)
  }

  /// A directory within itself, and directories and continuation areas beyond the end.
  @Test func damagedTrees() async throws {
    let directory = try ImageDirectory()
    try await makeImage(directory)
    let original = try ImageBytes(contentsOf: directory("image"))
    let whole = try rest(of: original)
    let root = Int(original.data.little(at: 16 * 2048 + 156 + 2, width: 4)) * 2048
    // The first record behind those of the directory and its parent is the directory "a".
    let first = root + Int(original.data[root]) + Int(original.data[root + Int(original.data[root])])
    #expect(original.data[first + 25] & 2 != 0)
    for block in [root / 2048, 0xff_ffff] {
      var image = original
      for byte in 0..<4 { image.data[first + 2 + byte] = UInt8(truncatingIfNeeded: block >> (8 * byte)) }
      let space = try rest(of: image)
      #expect(space.areas.bytes("directory records") <= whole.areas.bytes("directory records"))
    }
    let records = original.data[root..<root + 2048]
    let field = try #require(
      (records.startIndex..<records.endIndex - 28).first { original.data.has(Array("CE".utf8), at: $0) })
    var image = original
    for byte in 4..<8 { image.data[field + byte] = 0xff }
    #expect(throws: SpaceError.self) { try rest(of: image) }
    // An area that continues in itself: the field points at itself.
    image = original
    for (offset, value) in [(4, root / 2048), (12, field - root), (20, 28)] {
      for byte in 0..<4 { image.data[field + offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
    }
    #expect(try rest(of: image).ranges.isEmpty)
  }

  @Test func bootCatalogs() {
    var catalog = [UInt8](repeating: 0, count: 2048)
    #expect(ElToritoImages.ranges(catalog: catalog).isEmpty && ElToritoImages.ranges(catalog: []).isEmpty)
    catalog[0] = 1
    #expect(ElToritoImages.ranges(catalog: catalog).isEmpty)
    for (entry, medium, count, start) in [(32, 0, 4, 20), (96, 2, 1, 30), (128, 4, 5, 0), (2016, 0, 0xff, 40)] {
      catalog[entry] = 0x88
      (catalog[entry + 1], catalog[entry + 6], catalog[entry + 8]) = (UInt8(medium), UInt8(count), UInt8(start))
    }
    let sectors = ElToritoImages.ranges(catalog: catalog).map { $0.lowerBound / 2048..<$0.upperBound / 2048 }
    #expect(sectors == [20..<21, 30..<750, 40..<104])
    #expect(ElToritoImages.ranges(catalog: [1] + [UInt8](repeating: 0x88, count: 70)).count == 1)
  }
}
