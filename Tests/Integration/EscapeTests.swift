import Glibc
import SystemPackage
import Testing

/// Nothing from a guest, an image, a map or the appliance reaches the terminal unescaped.
@Suite struct EscapeTests {
  private static let red = Array("\u{1b}[31m\u{1b}]0;title\u{7}".utf8)
  /// C1: in UTF-8, and as a single byte, which is not valid UTF-8.
  private static let c1 = Array("\u{9b}31m".utf8)
  private static let notUTF8: [UInt8] = [0x9b, 0x33, 0x31, 0x6d, 0xff]

  /// A guest with all of that in the names of files, partitions and two subvolumes, and in labels. One subvolume's
  /// name has a comma, which ends an option of mount(8). One file cannot be read, and one filesystem cannot be
  /// mounted.
  private func guest(in scratch: Scratch) async throws -> FilePath {
    let tree = try scratch.makeDirectory("tree").bytes
    let directory = tree + Array("/d".utf8) + Self.red
    guard FilePath(bytes: directory).withPlatformString({ mkdir($0, 0o755) }) == 0 else { throw Errno(rawValue: errno) }
    let damaged = Array("damaged".utf8) + Self.red
    for name in [
      Self.red, Self.c1, Self.notUTF8, Array("new\nline".utf8), Array("d".utf8) + Self.red + [0x2f] + Self.c1, damaged,
    ] {
      try [UInt8](repeating: 0x61, count: 20_000).write(to: FilePath(bytes: tree + [0x2f] + name))
    }
    let disk = try scratch.makeHole("guest.raw", size: 300 << 20)
    try await tool(
      "sgdisk",
      [
        "-n", "1:2048:+32M", "-c", Array("1:".utf8) + Self.red, "-n", "2:0:+32M", "-c", Array("2:".utf8) + Self.c1,
        "-n",
        "3:0:+200M", disk,
      ])
    let label = Array("l\u{1b}[31m\u{7}".utf8)
    try await tool(
      "mke2fs",
      [
        "-q", "-t", "ext4", "-O", "^metadata_csum,^has_journal", "-L", label, "-d", FilePath(bytes: tree), "-E",
        "offset=\(1 << 20)", disk, "32M",
      ])
    try scratch.write(
      Array("set_inode_field \"/".utf8) + damaged + Array("\" block[0] 0\n".utf8), to: "commands")
    try await tool("debugfs", ["-w", "-f", scratch("commands"), "\(disk)?offset=\(1 << 20)"])
    try await tool("mke2fs", ["-q", "-t", "ext4", "-b", "4096", "-L", label, "-E", "offset=\(33 << 20)", disk, "32M"])
    let file = try FileDescriptor.open(disk, .writeOnly)
    // s_blocks_count_lo.
    try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: 33 << 20 + 1024 + 4, [0xff, 0xff, 0xff, 0x0f]) }
    let subvolume = Array("/s".utf8) + Self.red
    try await Slots.virtualMachines.run {
      _ = try await tool(
        "guestfish",
        [
          "--format=raw", "-a", disk, "run", ":", "mkfs", "btrfs", "/dev/sda3", ":", "mount", "/dev/sda3", "/", ":",
          "btrfs-subvolume-create", subvolume, ":", "btrfs-subvolume-create", Array("/comma,".utf8) + Self.red, ":",
          "write", subvolume + [0x2f] + Self.c1, "in the subvolume",
        ],
        environment: [
          "LIBGUESTFS_BACKEND_SETTINGS": MapperRun.emulated, "LIBGUESTFS_CACHEDIR": "/var/tmp",
          "LIBGUESTFS_APPEND": "clearcpuid=erms,fsrm",
        ])
    }
    return disk
  }

  /// Checks that text is valid UTF-8 without control characters other than newlines.
  private func expectPrintable(_ text: [UInt8], _ what: String) {
    guard let valid = String(validating: text, as: UTF8.self) else {
      Issue.record("\(what): not UTF-8: \(text.text)")
      return
    }
    let bad = valid.unicodeScalars.filter { $0.properties.generalCategory == .control && $0 != "\n" }
    #expect(bad.isEmpty, "\(what): \(bad.map(\.value))")
  }

  private func expectPrintable(_ outcome: Outcome, _ what: String) {
    expectPrintable(outcome.output, what)
    expectPrintable(outcome.errors, what)
  }

  @Test func nothingSpeaksToTheTerminal() async throws {
    let run = try MapperRun()
    let scratch = run.scratch
    let disk = try await guest(in: scratch)
    let map = scratch("map")
    let mapped = try await run(["-v", "-x", "-o", map, disk])
    expectPrintable(mapped, "map")
    #expect(mapped.end == .exited(3))
    // All of it was in the output.
    let said = mapped.errors.text
    let subvolume = #"btrfsvol:/dev/sda3/comma,\033[31m\033]0;title\007"#
    #expect(mapped.output.text.contains("examining filesystem on \(subvolume) (btrfs) ..."))
    #expect(!said.contains("filesystem on \(subvolume) (btrfs) cannot"))
    #expect(said.contains(#"virt-bmap: /dev/sda1: /damaged\033[31m\033]0;title\007: "#))
    #expect(said.contains("libguestfs: trace: ") && said.contains("Linux version"))

    let file = try #require(try MapText(contentsOf: map).lines("f", "/dev/sda1", [0x2f] + Self.notUTF8).first)
    for question in [
      ["--offset", "\(file.range.lowerBound)"], ["--path", Array("/dev/sda1:/".utf8) + Self.notUTF8],
      ["--range", "0-300M"], ["--range", "0-300M", "--json"], ["--range", "0-300M", "--format", "map"],
    ] as [[any Word]] {
      let found = try await run(["lookup", map] + question, launchesAppliance: false)
      #expect(found.end == .exited(0))
      expectPrintable(found, "lookup \(question)")
    }
    let one = try await run(
      ["lookup", map, "--format", "map", "--path", Array("/dev/sda1:/".utf8) + Self.notUTF8], launchesAppliance: false)
    #expect(one.output.text.hasSuffix(#" f /dev/sda1 /\23331m\377"# + "\n"), "\(one.output.text)")

    // Make the map wrong: say that the start of the file is at another offset in it.
    let lines = try [UInt8](contentsOf: map).split(separator: 0x0a).flatMap { line -> [UInt8] in
      let end = Array("f /dev/sda1 /".utf8) + Self.c1
      return Array(
        line.suffix(end.count) == end[...] ? line.dropLast(end.count) + Array("f@1000".utf8) + end.dropFirst() : line)
        + [0x0a]
    }
    try lines.write(to: map)
    let verified = try await run(["verify", "-v", disk, map])
    #expect(verified.end == .exited(1))
    expectPrintable(verified, "verify")
    #expect(verified.output.text.contains(#"wrong /dev/sda1 /\302\23331m: "#), "\(verified.output.text)")
  }

  /// Errors about arguments, file names and the contents of files.
  @Test func errorsAreOneLineWhateverIsInThem() async throws {
    let scratch = try Scratch()
    let mapper = try Products.mapper.string
    for bad in [Self.red, Self.c1, Self.notUTF8, Array("a\nb".utf8)] {
      let name = FilePath(bytes: scratch.path.bytes + [0x2f] + bad)
      try Array("# virt-bmap 2\nno map\n".utf8).write(to: name)
      let long = Array("--no".utf8) + bad
      let commands: [[any Word]] = [
        [long], ["-f", bad, name], [name, "-o", FilePath(bytes: name.bytes + Array("/x".utf8))],
        ["--method", bad, name],
        ["lookup", name, "--offset", "1"], ["lookup", name, "--offset", bad], ["info", long],
        ["info", "-f", bad, name],
        ["info", "-f", "vmdk", name], ["verify", name, name], ["verify", name, FilePath(bytes: name.bytes + [0x78])],
        ["-d", bad, "-c", Array("test:///".utf8) + bad],
      ]
      for command in commands {
        let outcome = try await run(mapper, command)
        #expect(outcome.end != .exited(0) && outcome.errorLines.count == 1, "\(command): \(outcome.errors.text)")
        expectPrintable(outcome, "\(command)")
      }
      for server in [try Products.recorder, try Products.logger] {
        let words: [any Word] = [server, Array("file=".utf8) + name.bytes, Array("bmap=".utf8) + name.bytes]
        let outcome = try await run("nbdkit", ["-f", "-U", "-"] + words, limit: .seconds(120))
        #expect(outcome.end == .exited(1))
        expectPrintable(outcome, "\(server)")
      }
      // A raw image may have any name.
      let outcome = try await run(mapper, ["info", name])
      #expect(outcome.end == .exited(0))
      expectPrintable(outcome, "info")
    }
  }
}

extension FilePath {
  fileprivate init(bytes: [UInt8]) {
    self = (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { FilePath(platformString: $0) } ?? FilePath()
    }
  }
}
