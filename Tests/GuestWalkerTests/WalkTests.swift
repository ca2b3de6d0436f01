import Glibc
import Testing
import WalkRecord

@testable import GuestWalker

/// Walks over temporary directories, each treated as one type of filesystem or another.
@Suite struct WalkTests {
  /// The records without the locations of extents, which the machine's own filesystem may or may not report.
  private func said(_ records: [Record]) -> [String] {
    records.compactMap { record in
      switch record {
      case .begin(let inodes, let bytes): "begin \(inodes) \(bytes)"
      case .object(let id, let parent, let kind, let name):
        "\(kind) \(id) in \(parent): \(String(decoding: name, as: UTF8.self))"
      case .inode(let id, _): "inode of \(id)"
      case .encrypted(let id, _): "encrypted \(id)"
      case .link(let id, let parent, let name): "link to \(id) in \(parent): \(String(decoding: name, as: UTF8.self))"
      case .chunk(let chunk): "read \(chunk.object) as \(chunk.layout)"
      case .extent: nil
      case .idle: "idle"
      case .settled: "settled"
      case .failure(_, let errno, let name): "failure \(errno): \(String(decoding: name, as: UTF8.self))"
      case .end: "end"
      }
    }
  }

  @Test func anEmptyDirectoryIsAnnouncedBeforeItIsRead() throws {
    let scratch = try Scratch()
    let records = try scratch.walk(Other(scratch.mount(), method: .read), .read)
    #expect(said(records) == ["begin 7 70000", "directory 1 in 0: ", "read 1 as stream", "idle", "end"])
  }

  @Test func directoriesAreWalkedInTheirOrder() throws {
    let scratch = try Scratch()
    try scratch.makeDirectory("a")
    try scratch.makeDirectory("a/b")
    let records = try scratch.walk(Other(scratch.mount(), method: .read), .read)
    #expect(
      said(records) == [
        "begin 7 70000", "directory 1 in 0: ", "read 1 as stream", "idle", "directory 2 in 1: a", "read 2 as stream",
        "idle", "directory 3 in 2: b", "read 3 as stream", "idle", "end",
      ])
  }

  /// Btrfs directories are announced before they are looked up, and virt-bmap needs all inode numbers.
  @Test func inodesOfBtrfsAreReported() throws {
    let scratch = try Scratch()
    try scratch.write([], to: "empty")
    guard symlink("target", scratch.tree + "/link") == 0 else { throw Scratch.Failure() }
    let said = said(try scratch.walk(Btrfs(scratch.mount(), method: .read), .read))
    #expect(said.prefix(5) == ["begin 7 70000", "directory 1 in 0: ", "read 1 as stream", "inode of 1", "idle"])
    for (kind, name) in [("file", "empty"), ("other", "link")] {
      let index = try #require(said.firstIndex { $0.hasPrefix(kind) && $0.hasSuffix(": " + name) })
      let number = said[index].split(separator: " ")[1]
      #expect(said[index + 1] == "inode of \(number)")
    }
  }

  /// ext2/3/4 reports where directories are, so they are not announced unless everything is read.
  @Test func directoriesOfExtAreDeclaredOnly() throws {
    let scratch = try Scratch()
    try scratch.makeDirectory("a")
    let said = said(try scratch.walk(Ext(scratch.mount(), method: .extents(proof: 0)), .extents(proof: 0)))
    #expect(said.filter { $0.hasPrefix("directory") } == ["directory 1 in 0: ", "directory 2 in 1: a"])
    #expect(!said.contains { $0.hasSuffix("as stream") })
  }

  /// The root directory of FAT12 and FAT16 is reported, and other reads at that time are not attributed to it.
  @Test func aRootAtAFixedOffsetIsReported() throws {
    let scratch = try Scratch()
    var boot = [UInt8](repeating: 0, count: 512)
    // Sectors of 512 bytes, 1 in a cluster, 1 reserved, 2 tables of 1 sector, 16 root entries, 100 sectors.
    (boot[12], boot[13], boot[14], boot[16], boot[17], boot[19], boot[22]) = (2, 1, 1, 2, 16, 100, 1)
    let mount = try scratch.mount()
    let device = open(mount.devicePath, O_WRONLY)
    guard pwrite(device, boot, 512, 0) == 512, close(device) == 0 else { throw Scratch.Failure() }
    let records = try scratch.walk(FAT(mount, method: .read), .read)
    #expect(said(records) == ["begin 7 70000", "directory 1 in 0: ", "idle", "idle", "end"])
    let extents = records.compactMap { record -> ReportedExtent? in
      if case .extent(let extent) = record { extent } else { nil }
    }
    #expect(extents.map(\.physical) == [1536] && extents.map(\.length) == [512])
  }

  @Test func filesAreReadAfterTheirDirectory() throws {
    let scratch = try Scratch()
    try scratch.write([UInt8](repeating: 1, count: 5000), to: "file")
    try scratch.write([], to: "file.empty")
    let said = said(try scratch.walk(SquashFS(scratch.mount(), method: .read), .read))
    #expect(said.prefix(4) == ["begin 7 70000", "directory 1 in 0: ", "read 1 as stream", "idle"])
    #expect(Set(said[4...5].map { $0.split(separator: " ").last }) == ["file", "file.empty"])
    let number = try #require(said.first { $0.hasSuffix(": file") }).split(separator: " ")[1]
    #expect(said.suffix(2) == ["settled", "end"])
    #expect(said.contains("read \(number) as encoded") || said.contains("read \(number) as exact"))
  }

  @Test func namesAreBytes() throws {
    let scratch = try Scratch()
    let name: [UInt8] = [0xff, 0x0a, 0x5c, 0x20, 0xc3, 0x28]
    try scratch.write([1], toName: name)
    let long = [UInt8](repeating: 0xfe, count: 255)
    try scratch.write([1], toName: long)
    var names: Set<[UInt8]> = []
    for record in try scratch.walk(Other(scratch.mount(), method: .read), .read) {
      if case .object(_, 1, .file, let name) = record { names.insert(name) }
    }
    #expect(names == [name, long])
  }

  @Test func aSecondNameIsALink() throws {
    let scratch = try Scratch()
    try scratch.write([1], to: "one")
    guard link(scratch.tree + "/one", scratch.tree + "/two") == 0 else { throw Scratch.Failure() }
    let said = said(try scratch.walk(Other(scratch.mount(), method: .read), .read))
    #expect(said.filter { $0.hasPrefix("file 2 in 1") }.count == 1)
    #expect(said.filter { $0.hasPrefix("link to 2 in 1") }.count == 1)
  }

  /// Symbolic links and pipes are not opened. XFS may store something for them, but only if they have blocks.
  @Test func whatIsNoFileIsNotRead() throws {
    let scratch = try Scratch()
    guard symlink("/dev/zero", scratch.tree + "/link") == 0, mkfifo(scratch.tree + "/pipe", 0o644) == 0 else {
      throw Scratch.Failure()
    }
    for filesystem in [Other(try scratch.mount(), method: .read), XFS(try scratch.mount(), method: .read)]
      as [any WalkedFilesystem]
    {
      let said = said(try scratch.walk(filesystem, .read))
      #expect(!said.contains { $0.hasSuffix(": link") || $0.hasSuffix(": pipe") })
      #expect(said.last == "end")
    }
  }

  @Test func aDeepTreeIsWalkedBack() throws {
    let scratch = try Scratch()
    var path = "d"
    for _ in 0..<100 {
      try scratch.makeDirectory(path)
      path += "/d"
    }
    try scratch.makeDirectory("e")
    let said = said(try scratch.walk(Other(scratch.mount(), method: .read), .read))
    #expect(said.filter { $0.hasPrefix("directory") }.count == 102)
    #expect(said.contains { $0.hasPrefix("directory") && $0.hasSuffix(" in 1: e") })
    #expect(said.last == "end")
  }
}

@Suite struct DirectoryEntryTests {
  @Test func everythingButTheDirectoryItself() throws {
    let scratch = try Scratch()
    try scratch.makeDirectory("directory")
    try scratch.write([1], to: "...")
    try scratch.write([1], toName: [0x2e, 0xff])
    guard symlink("x", scratch.tree + "/link") == 0 else { throw Scratch.Failure() }
    let descriptor = open(scratch.tree, O_RDONLY | O_DIRECTORY)
    defer { close(descriptor) }
    let entries = try #require(DirectoryEntry.all(in: descriptor, buffer: AlignedBuffer(size: 4096)))
    #expect(
      Set(entries.map(\.name))
        == [Array("directory".utf8), Array("...".utf8), [0x2e, 0xff], Array("link".utf8)])
    for entry in entries where entry.kind != .unknown {
      let expected: DirectoryEntry.Kind =
        entry.name == Array("directory".utf8) ? .directory : entry.name == Array("link".utf8) ? .other : .file
      #expect(entry.kind == expected)
    }
  }

  @Test func whatIsNoDirectoryIsAnError() throws {
    let scratch = try Scratch()
    try scratch.write([1], to: "file")
    let descriptor = open(scratch.tree + "/file", O_RDONLY)
    defer { close(descriptor) }
    #expect(DirectoryEntry.all(in: descriptor, buffer: AlignedBuffer(size: 4096)) == nil)
  }
}
