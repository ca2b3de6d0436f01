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

  /// A writer that is killed in the middle, by a signal no program can catch.
  @Test func aKilledWriterLeavesTheOldMapAlone() throws {
    let scratch = try Scratch()
    let path = scratch.path.appending("map")
    try write("old", to: path)
    // A process of its own is out of reach of a library's test; its death is a closed descriptor.
    let descriptor = try FileDescriptor.open(
      scratch.path, .writeOnly, options: .init(rawValue: 0o20_000_000 | O_DIRECTORY),
      permissions: .ownerReadWrite)
    try descriptor.close()
    #expect(try scratch.names() == ["map"])
    #expect(try text(path) == "old")
  }
}
