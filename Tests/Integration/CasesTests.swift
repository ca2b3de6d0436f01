import FoundationEssentials
import SystemPackage
import Testing

/// Disks that virt-bmap once mapped wrongly, skipped silently or refused, mapped together in one run. Each must give
/// the right map or a warning that says what is missing, whatever the other disks are.
@Suite struct CasesTests {
  struct Case: CustomTestStringConvertible {
    /// Path in the guest's directory.
    var disk: String
    /// The files on the disk that are copies of the tree's /big; none if virt-bmap finds no filesystem on the disk.
    var files: [String]
    /// A raw file with the disk's contents, if the disk is not raw itself.
    var raw: String?

    var testDescription: String { disk }
  }

  static let cases: [Case] = [
    Case(disk: "md-a.raw", files: ["/big"]),
    Case(disk: "md-b.raw", files: ["/big"]),
    Case(disk: "vg-a.raw", files: ["/big"]),
    Case(disk: "ntfs.raw", files: ["/big", "/bootmgr", "/OneDrive/document"]),
    Case(disk: "swapfile.raw", files: ["/big"]),
    Case(disk: "data-journal.raw", files: ["/dir/big"]),
    Case(disk: "external-journal.raw", files: ["/big"]),
    Case(disk: "verity.raw", files: ["/big"]),
    Case(disk: "gpt-4k.raw", files: ["/big"]),
    Case(disk: "btrfs.raw", files: ["/big"]),
    Case(disk: "btrfs-copy.raw", files: ["/big"]),
    Case(disk: "gpt-cut.raw", files: ["/big"]),
    Case(disk: "gpt-backup.raw", files: ["/big"]),
    Case(disk: "sun.raw", files: []),
    Case(disk: "named/box-disk001", files: []),
    Case(disk: "named/cloud.img", files: []),
    Case(disk: "named/dynamic.img", files: []),
    Case(disk: "named/vdi.img", files: []),
    Case(disk: "named/vhdx.img", files: []),
    Case(disk: "named/disk-0.vmdk.000000000", files: []),
    Case(disk: "descriptors/converter.vmdk", files: ["/big"], raw: "descriptors/d-flat.vmdk"),
    Case(disk: "hints/windows.vmdk", files: ["/big"], raw: "hints/base-flat.vmdk"),
  ]

  struct Mapped {
    var directory: FilePath
    var map: MapText
    var file: FilePath
    var outcome: Outcome
  }

  static let mapped = Shared {
    let directory = try await Guests.cases.value
    let run = try MapperRun()
    let outcome = try await run(["-o", "map"] + cases.map { directory.appending($0.disk) })
    let map = try MapText(contentsOf: run.scratch("map"))
    // Not in the scratch directory: it must outlive `run`.
    let file = Products.package.appending(".build/integration/cases.bmap")
    try [UInt8](contentsOf: run.scratch("map")).write(to: file)
    try await run.expectNothingLeft()
    return Mapped(directory: directory, map: map, file: file, outcome: outcome)
  }

  @Test func theRunSaysThatSomethingIsMissing() async throws {
    let mapped = try await Self.mapped.value
    #expect(mapped.outcome.end == .exited(3))
    #expect(
      mapped.outcome.errorLines.allSatisfy { $0.hasPrefix("virt-bmap: warning: ") }, "\(mapped.outcome.errors.text)")
  }

  /// Each file has the right ranges in the map, or is on a disk that a warning names.
  @Test(arguments: cases)
  func disk(_ disk: Case) async throws {
    let mapped = try await Self.mapped.value
    let number = try #require(Self.cases.firstIndex { $0.disk == disk.disk }) + 1
    let warnings = warnings(of: number, disk, in: mapped.outcome)
    let content = try [UInt8](contentsOf: mapped.directory.appending("tree/big"))
    if disk.disk == "sun.raw" {
      // Its partitions are empty, so there is nothing to warn about.
      #expect(mapped.map.lines.contains { $0.disk == number && $0.kind == "p" })
    } else if disk.files.isEmpty {
      #expect(warnings.count >= 1, "nothing is said: \(mapped.outcome.errors.text)")
    }
    for file in disk.files {
      let lines = mapped.map.lines.filter { $0.disk == number && $0.kind == "f" && $0.path == Array(file.utf8) }
      guard !lines.isEmpty else {
        #expect(warnings.count >= 1, "\(file): nothing is said: \(mapped.outcome.errors.text)")
        continue
      }
      // Data in the journal is not yet at its final offset.
      guard disk.disk != "data-journal.raw" else { continue }
      let raw = mapped.directory.appending(disk.raw ?? disk.disk)
      let found = try Rebuild(disk: raw).bytes(size: UInt64(content.count), of: lines)
      let isRight = found == content
      #expect(isRight, "\(file) is not where the map says")
    }
  }

  /// The warnings that name the disk, its file or one of its devices.
  private func warnings(of number: Int, _ disk: Case, in outcome: Outcome) -> [String] {
    let name = "/dev/sd\(Unicode.Scalar(UInt8(96 + number)))"
    return outcome.errorLines.filter { line in
      if line.contains("/\(disk.disk)") { return true }
      guard let range = line.range(of: name) else { return false }
      return line[range.upperBound...].first.map { !$0.isLetter } ?? true
    }
  }

  /// The map is right, and what is missing on some disks does not keep the others from being proved.
  @Test func theMapIsProved() async throws {
    let mapped = try await Self.mapped.value
    let run = try MapperRun()
    let outcome = try await run(
      ["verify", "--json"] + Self.cases.map { mapped.directory.appending($0.disk) } + [mapped.file])
    let answer = try JSONDecoder().decode(Answer.self, from: Data(outcome.output))
    #expect(answer.wrong.isEmpty, "\(answer.wrong)")
    #expect(answer.total.proved > 20, "\(outcome.output.text)")
    try await run.expectNothingLeft()
  }

  /// The fields that the test uses.
  private struct Answer: Decodable {
    struct Wrong: Decodable {
      var device: String
      var path: String
      var reason: String
    }
    struct Total: Decodable { var proved: Int }
    var wrong: [Wrong]
    var total: Total
  }

  /// `virt-bmap info` accepts each descriptor, as qemu-img(1) does.
  @Test func descriptorsAreTaken() async throws {
    let directory = try await Guests.cases.value
    let run = try MapperRun()
    for name in try names(in: directory.appending("descriptors")) where name != "d-flat.vmdk" {
      let outcome = try await run(
        ["info", "--json", directory.appending("descriptors").appending(name)], launchesAppliance: false)
      #expect(outcome.end == .exited(0), "\(name): \(outcome.errors.text)")
    }
    for name in ["esxi", "windows"] {
      let outcome = try await run(
        ["info", directory.appending("hints").appending("\(name).vmdk")], launchesAppliance: false)
      #expect(outcome.end == .exited(0), "\(name): \(outcome.errors.text)")
      #expect(outcome.output.text.contains("base.vmdk"), "\(name): \(outcome.output.text)")
    }
  }
}
