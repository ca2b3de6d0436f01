import Foundation
import Glibc
import SystemPackage
import Testing

@testable import BlockMap

struct AtomicFileTests {
  private func write(_ text: String, to path: FilePath) throws {
    var file = try AtomicFile(path: path)
    try file.write(Array(text.utf8))
    try file.commit()
  }

  private func text(_ path: FilePath) throws -> String { String(decoding: try readFile(path), as: UTF8.self) }

  @Test func appearsWholeAndWithTheUmasksMode() throws {
    let scratch = try Scratch()
    let path = scratch.path.appending("map")
    for content in ["one", "two and more", "3"] {
      try write(content, to: path)
      #expect(try text(path) == content)
      #expect(try scratch.names() == ["map"])
    }
    var status = stat()
    #expect(path.withPlatformString { stat($0, &status) } == 0)
    let mask = umask(0)
    umask(mask)
    #expect(status.st_mode & 0o777 == 0o666 & ~mask)
  }

  @Test func whatIsDroppedLeavesTheTargetAsItWas() throws {
    let scratch = try Scratch()
    let path = scratch.path.appending("map")
    func begin() throws {
      var file = try AtomicFile(path: path)
      try file.write(Array("new".utf8))
    }
    try begin()
    #expect(try scratch.names() == [])
    try write("old", to: path)
    try begin()
    try AtomicFile.checkWritable(path)
    #expect(try text(path) == "old")
    #expect(try scratch.names() == ["map"])
  }

  @Test(arguments: [true, false])
  func behavesTheSameWithoutNamelessFiles(unnamed: Bool) throws {
    let scratch = try Scratch()
    let path = scratch.path.appending("map")
    for content in ["old", "new"] {
      var file = try AtomicFile(path: path, allowingUnnamed: unnamed)
      try file.write(Array(content.utf8))
      #expect(try scratch.names().contains { $0 != "map" } == !unnamed)
      try file.commit()
      #expect(try text(path) == content)
      #expect(try scratch.names() == ["map"])
    }
    func giveUp() throws {
      var file = try AtomicFile(path: path, allowingUnnamed: unnamed)
      try file.write(Array("newer".utf8))
    }
    try giveUp()
    #expect(try text(path) == "new")
    #expect(try scratch.names() == ["map"])
  }

  @Test func followsLinksToTheFileTheyName() throws {
    let scratch = try Scratch()
    let folder = scratch.path.appending("folder")
    #expect(folder.withPlatformString { mkdir($0, 0o777) } == 0)
    #expect(scratch.path.appending("relative").withPlatformString { symlink("folder/map", $0) } == 0)
    #expect(scratch.path.appending("again").withPlatformString { symlink("relative", $0) } == 0)
    for content in ["one", "two"] {
      try write(content, to: scratch.path.appending("again"))
      #expect(try text(folder.appending("map")) == content)
    }
    #expect(try scratch.names() == ["again", "folder", "relative"])
    #expect(scratch.path.appending("loop").withPlatformString { symlink("loop", $0) } == 0)
    let loop = #expect(throws: MapError.self) { try AtomicFile.checkWritable(scratch.path.appending("loop")) }
    #expect(try #require(loop).description.hasSuffix("/loop: Too many levels of symbolic links"))
  }

  @Test func saysWhyItCannotWrite() throws {
    let scratch = try Scratch()
    for (path, reason) in [
      (scratch.path, "is a directory"), (scratch.path.appending("no/map"), "No such file or directory"),
      (FilePath("/proc/map"), "cannot create a file in its directory"), (FilePath(""), "is empty"),
      (scratch.path.appending(String(repeating: "x", count: 300)), "File name too long"),
    ] {
      for attempt in [{ try AtomicFile.checkWritable(path) }, { try write("x", to: path) }] as [() throws -> Void] {
        let error = try #require(#expect(throws: MapError.self) { try attempt() })
        #expect(error.description.hasPrefix("\(path): "))
        #expect(error.description.contains(reason))
      }
    }
    #expect(try scratch.names() == [])
  }

  @Test func writesToWhatIsNoFileDirectly() throws {
    let scratch = try Scratch()
    try AtomicFile.checkWritable("/dev/full")
    let full = #expect(throws: MapError.self) { try write("x", to: "/dev/full") }
    #expect(full?.description == "/dev/full: cannot write: No space left on device")
    try write("x", to: "/dev/null")

    let fifo = scratch.path.appending("fifo")
    #expect(fifo.withPlatformString { mkfifo($0, 0o600) } == 0)
    try AtomicFile.checkWritable(fifo)
    let reader = try FileDescriptor.open(fifo, .readWrite)
    try write("through", to: fifo)
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = try buffer.withUnsafeMutableBytes { try reader.read(into: $0) }
    #expect(buffer[..<count] == ArraySlice("through".utf8))
    try reader.close()
    #expect(try scratch.names() == ["fifo"])

    // Like /dev/stdout: a descriptor that is already open keeps its file position.
    let log = scratch.path.appending("log")
    let descriptor = try FileDescriptor.open(
      log, .writeOnly, options: [.create], permissions: .ownerReadWrite)
    _ = try descriptor.writeAll("before ".utf8)
    try write("after", to: FilePath("/proc/self/fd/\(descriptor.rawValue)"))
    try descriptor.close()
    #expect(try text(log) == "before after")
  }

  // MARK: In a separate process

  private static let program = Bundle.main.bundleURL.appendingPathComponent("bench-map").path

  @Test func aKilledWriterLeavesTheOldMapAlone() throws {
    let scratch = try Scratch()
    let (target, output) = (scratch.path.appending("map"), scratch.path.appending("output"))
    try write("old", to: target)
    try writeFile(output, [])
    let writer = try Child([Self.program, "--write", target.string], output: output)
    // The writer prints a line when it starts; the map takes a while to write.
    while try readFile(output).isEmpty { usleep(1000) }
    try writer.kill()
    #expect(try writer.wait() == .killed(SIGKILL))
    #expect(try text(target) == "old")
    #expect(try scratch.names() == ["map", "output"])
  }

  @Test func aFullDiskLeavesTheOldMapAlone() throws {
    let scratch = try Scratch()
    let output = scratch.path.appending("output")
    let folder = scratch.path.appending("folder")
    #expect(folder.withPlatformString { mkdir($0, 0o777) } == 0)
    let script = """
      mount -t tmpfs -o size=1m none "$1" && echo old > "$1/map" && "$0" --write "$1/map" 2>&1
      echo "status $?" && cat "$1/map" && ls -A "$1"
      """
    let shell = try Child(
      ["unshare", "-Urm", "sh", "-c", script, Self.program, folder.string], output: output)
    #expect(try shell.wait() == .exited(0))
    #expect(
      try text(output) == """
        writing
        bench-map: \(folder)/map: cannot write: No space left on device
        status 1
        old
        map

        """)
  }
}
