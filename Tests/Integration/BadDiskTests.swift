import Glibc
import SystemPackage
import Testing

/// Disks that cannot be opened: one error line, status 1, and nothing has changed.
@Suite struct BadDiskTests {
  private enum Bad: String, CaseIterable, CustomTestStringConvertible {
    case missing, empty, directory, fifo, socketlessLink, emptyVMDK, noVMDK, truncatedHeader, truncatedTables
    case extentMissing, extentTooShort

    var testDescription: String { rawValue }
  }

  @Test(arguments: Bad.allCases)
  private func badDisk(_ bad: Bad) async throws {
    let run = try MapperRun()
    let (name, words) = try await make(bad, in: run.scratch)
    try run.scratch.write("an older map\n", to: "bmap")
    let before = try names(in: run.scratch.path)
    let outcome = try await run([name], launchesAppliance: false, limit: .seconds(300))
    expectOneLine(outcome, words)
    #expect(try [UInt8](contentsOf: run.scratch("bmap")).text == "an older map\n")
    #expect(try names(in: run.scratch.path) == before)
    try await run.expectNothingLeft()
  }

  /// Makes the disk. Returns its name, and what the error message must contain.
  private func make(_ bad: Bad, in scratch: Scratch) async throws -> (String, String) {
    switch bad {
    case .missing: return ("no such disk", "no such disk: cannot open: No such file or directory")
    case .empty:
      try scratch.write("", to: "disk")
      return ("disk", "disk: ")
    case .directory:
      try scratch.makeDirectory("disk")
      return ("disk", "disk: ")
    case .fifo:
      guard mkfifo(scratch("disk").string, 0o600) == 0 else { throw Errno(rawValue: errno) }
      return ("disk", "disk: ")
    case .socketlessLink:
      guard symlink("nowhere", scratch("disk").string) == 0 else { throw Errno(rawValue: errno) }
      return ("disk", "disk: cannot open: No such file or directory")
    case .emptyVMDK:
      try scratch.write("", to: "disk.vmdk")
      return ("disk.vmdk", "disk.vmdk: ")
    case .noVMDK:
      try scratch.makeHole("disk.vmdk", size: 1 << 20)
      return ("disk.vmdk", "disk.vmdk: ")
    case .truncatedHeader, .truncatedTables:
      try await convert("monolithicSparse", in: scratch)
      // The grain directories and their tables come after the descriptor.
      guard truncate(scratch("disk.vmdk").string, bad == .truncatedHeader ? 300 : 10_752) == 0 else {
        throw Errno(rawValue: errno)
      }
      return ("disk.vmdk", "disk.vmdk: ")
    case .extentMissing:
      try await convert("twoGbMaxExtentFlat", in: scratch)
      unlink(scratch("disk-f001.vmdk").string)
      return ("disk.vmdk", "disk-f001.vmdk: cannot open the extent of line 8: No such file or directory")
    case .extentTooShort:
      try await convert("monolithicFlat", in: scratch)
      guard truncate(scratch("disk-flat.vmdk").string, 1 << 20) == 0 else { throw Errno(rawValue: errno) }
      return ("disk.vmdk", "disk-flat.vmdk: ")
    }
  }

  private func convert(_ kind: String, in scratch: Scratch) async throws {
    let file = try FileDescriptor.open(
      scratch("raw"), .writeOnly, options: [.create], permissions: [.ownerReadWrite])
    try file.closeAfter {
      for megabyte in 0..<4 { try file.writeAll([UInt8](repeating: UInt8(megabyte + 1), count: 1 << 20)) }
    }
    try await tool(
      "qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=\(kind)", "raw", "disk.vmdk"],
      in: scratch.path)
  }

  /// The rest of a truncated disk is mapped, and warnings say what is missing. FAT itself does not report that part
  /// of a directory cannot be read.
  @Test func aTruncatedDisk() async throws {
    let run = try MapperRun()
    let scratch = run.scratch
    try scratch.makeHole("raw", size: 8 << 20)
    try scratch.write([UInt8](repeating: 1, count: 5 << 20), to: "big")
    let names = (1...200).map { "\($0)" }
    for name in names { try scratch.write("", to: name) }
    // With clusters of 512 bytes, the directory continues after the file.
    for (program, arguments) in [
      ("mkfs.vfat", ["-s", "1", "raw"]), ("mmd", ["-i", "raw", "::dir"]), ("mcopy", ["-i", "raw", "big", "::"]),
      ("mcopy", ["-i", "raw"] + names + ["::dir"]),
      ("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "raw", "disk.vmdk"]),
    ] {
      try await tool(program, arguments, in: scratch.path)
    }
    let whole = try fileSize(scratch("disk.vmdk"))
    guard truncate(scratch("disk.vmdk").string, off_t(whole) - 60_000) == 0 else { throw Errno(rawValue: errno) }
    let outcome = try await run(["disk.vmdk"], limit: .seconds(100))
    #expect(outcome.end == .exited(3))
    let expected = [
      "disk.vmdk: the grain table entry at offset ", "disk.vmdk: parts of it cannot be read: a read at offset ",
      "1 files and directories could not be read",
    ]
    #expect(outcome.errorLines.count == expected.count, "\(outcome.errors.text)")
    for (line, start) in zip(outcome.errorLines, expected) {
      #expect(line.hasPrefix("virt-bmap: warning: \(start)"), "\(line)")
    }
    let map = try MapText(contentsOf: scratch("bmap"))
    #expect(map.lines("f", "/dev/sda", Array("/big".utf8)).count == 1)
    #expect(!map.lines("d", "/dev/sda", Array("/dir".utf8)).isEmpty)
    try await run.expectNothingLeft()
  }

  @Test func unreadable() async throws {
    let run = try MapperRun()
    try run.scratch.write("x", to: "disk")
    for path in [run.scratch.path, run.scratch("t")] { chmod(path.string, 0o777) }
    chmod(run.scratch("disk").string, 0o000)
    let outcome = try await asOrdinaryUser(run, ["disk"])
    expectOneLine(outcome, "disk: cannot open: Permission denied")
    #expect(try names(in: run.scratch.path).filter { !$0.hasPrefix("bin") } == ["disk", "t"])
    try await run.expectNothingLeft()
  }
}

/// Runs virt-bmap as an ordinary user. Root runs a copy as another user, who may not be able to read the build
/// directory.
func asOrdinaryUser(_ run: MapperRun, _ arguments: [any Word]) async throws -> Outcome {
  guard geteuid() == 0 else { return try await run(arguments, launchesAppliance: false, limit: .seconds(300)) }
  let programs = try run.scratch.makeDirectory("bin")
  for program in [try Products.mapper, try Products.walker, try Products.recorder] {
    try await tool("cp", [program, programs])
  }
  let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
  return try await run.execute(
    user + [programs.appending("virt-bmap").string] + arguments, launchesAppliance: false, limit: .seconds(300))
}
