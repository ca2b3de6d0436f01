import DiskImage
import Foundation
import Glibc
import SystemPackage
import Testing

@testable import DiskOverlay

struct ToolFailure: Error, CustomStringConvertible {
  let description: String
}

/// Runs a program that must succeed.
/// - Returns: its standard output.
@discardableResult
func tool(_ name: String, _ arguments: String..., input: Data = Data()) throws -> Data {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: name.contains("/") ? name : "/usr/bin/\(name)")
  process.arguments = arguments
  let (stdin, output, errors) = (Pipe(), Pipe(), Pipe())
  process.standardInput = stdin
  process.standardOutput = output
  process.standardError = errors
  try process.run()
  try stdin.fileHandleForWriting.write(contentsOf: input)
  try stdin.fileHandleForWriting.close()
  let said = try output.fileHandleForReading.readToEnd() ?? Data()
  let complaint = try errors.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else {
    throw ToolFailure(
      description: "\(name) \(arguments): \(String(decoding: said + complaint, as: UTF8.self))")
  }
  return said
}

/// A directory with a VMDK of random bytes and some zeros, and the expected content of its overlay. It is removed
/// with the value.
final class SnapshotBench {
  let directory: FilePath
  let disk: FilePath
  let original: [UInt8]
  /// The expected content.
  var content: [UInt8]

  /// - Parameters:
  ///   - kind: qemu-img's `subformat` of the base.
  ///   - named: the base's file.
  init(size: Int, kind: String = "monolithicSparse", named: String = "base.vmdk") throws {
    var name = Array("/var/tmp/snapshot-test-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else { throw Errno(rawValue: errno) }
    directory = FilePath(String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    disk = directory.appending(named)
    let random = try #require(FileHandle(forReadingAtPath: "/dev/urandom"))
    var bytes = [UInt8](try #require(try random.read(upToCount: size)))
    try #require(bytes.count == size)
    // Grains that are not allocated in the base.
    for grain in stride(from: 2, to: size / 65536, by: 5) {
      bytes.replaceSubrange(grain * 65536..<(grain + 1) * 65536, with: repeatElement(0, count: 65536))
    }
    original = bytes
    content = bytes
    let raw = directory.appending("raw")
    try Data(bytes).write(to: url(raw))
    try tool("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=\(kind)", raw.string, disk.string)
    try FileManager.default.removeItem(atPath: raw.string)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory.string) }

  var file: FilePath { directory.appending("overlay.vmdk") }

  func open(_ file: FilePath? = nil) throws -> VMDKOverlay.Persistent {
    let base = try openDisk(at: disk, format: .vmdk)
    return try VMDKOverlay.persistent(file ?? self.file, over: base.disk, chain: base.chain, files: base.files)
  }

  /// The error when the overlay is opened, without its name; "none" if it can be opened.
  func refusal(_ file: FilePath? = nil) -> String {
    do {
      try open(file).disk.close()
      return "none"
    } catch {
      let text = "\(error)"
      let name = "\(file ?? self.file): "
      #expect(text.hasPrefix(name) && !text.contains("\n"), "\(text)")
      return String(text.dropFirst(name.count))
    }
  }

  func write(_ disk: VMDKOverlay, _ bytes: [UInt8], at offset: Int) throws {
    try bytes.withUnsafeBytes { try disk.write($0, at: UInt64(offset)) }
    content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }

  func zero(_ disk: VMDKOverlay, _ range: Range<Int>) throws {
    try disk.zero(UInt64(range.lowerBound)..<UInt64(range.upperBound))
    content.replaceSubrange(range, with: repeatElement(0, count: range.count))
  }

  /// Writes, zeroes, reads and flushes at random.
  func exercise(_ disk: VMDKOverlay, steps: Int) throws {
    let size = content.count
    for _ in 0..<steps {
      let start = Int.random(in: 0..<size)
      let count = min(size - start, Int.random(in: 1...[1, 512, 4096, 70_000, 300_000].randomElement()!))
      switch Int.random(in: 0..<10) {
      case 0..<4:
        try write(disk, Array(original[(size - count) / 2..<(size - count) / 2 + count]), at: start)
      case 4: try write(disk, [UInt8](repeating: 9, count: count), at: start / 65536 * 65536)
      case 5..<7: try zero(disk, start..<start + count)
      case 7: try disk.flush()
      default:
        let isSame = try bytes(of: disk, start..<start + count) == Array(content[start..<start + count])
        #expect(isSame)
      }
    }
  }

  func bytes(of disk: VMDKOverlay, _ range: Range<Int>) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0xee, count: range.count)
    try buffer.withUnsafeMutableBytes { try disk.read(into: $0, at: UInt64(range.lowerBound)) }
    return buffer
  }

  func holdsWhatIsExpected(_ disk: VMDKOverlay) throws -> Bool { try bytes(of: disk, 0..<content.count) == content }

  /// Runs qemu-img to check a snapshot and to read it with its base.
  func checkWithQemu(_ file: FilePath? = nil, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let file = file ?? self.file
    let check = String(decoding: try tool("qemu-img", "check", "-f", "vmdk", file.string), as: UTF8.self)
    #expect(check.contains("No errors were found"), "\(check)", sourceLocation: sourceLocation)
    let raw = directory.appending("raw")
    try tool("qemu-img", "convert", "-f", "vmdk", "-O", "raw", file.string, raw.string)
    let isSame = try [UInt8](Data(contentsOf: url(raw))) == content
    #expect(isSame, sourceLocation: sourceLocation)
    try FileManager.default.removeItem(atPath: raw.string)
  }

  func expectBaseUnchanged() throws {
    let raw = directory.appending("raw")
    try tool("qemu-img", "convert", "-f", "vmdk", "-O", "raw", disk.string, raw.string)
    let isSame = try [UInt8](Data(contentsOf: url(raw))) == original
    #expect(isSame)
    try FileManager.default.removeItem(atPath: raw.string)
  }
}

func url(_ path: FilePath) -> URL { URL(fileURLWithPath: path.string) }

/// Decodes a snapshot's file independently, as the format's specification describes it.
struct SnapshotBytes {
  var data: Data

  init(_ file: FilePath) throws { data = try Data(contentsOf: url(file)) }

  func number(_ offset: Int, _ width: Int) -> Int {
    data[offset..<offset + width].reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  mutating func set(_ offset: Int, _ width: Int, _ number: Int) {
    for byte in 0..<width { data[offset + byte] = UInt8(truncatingIfNeeded: number >> (8 * byte)) }
  }

  /// The offset of a grain's entry, in the primary or the redundant grain table.
  func entryOffset(ofGrain grain: Int, inCopy: Bool = false) -> Int {
    number(number(inCopy ? 48 : 56, 8) * 512 + grain / 512 * 4, 4) * 512 + grain % 512 * 4
  }

  func entries(_ count: Int, inCopy: Bool = false) -> [Int] {
    (0..<count).map { number(entryOffset(ofGrain: $0, inCopy: inCopy), 4) }
  }

  var isUnclean: Bool { data[72] != 0 }

  var descriptor: String {
    let start = number(28, 8) * 512
    return String(decoding: data[start..<start + number(36, 8) * 512].prefix { $0 != 0 }, as: UTF8.self)
  }

  /// A setting in the descriptor, without quotes.
  func setting(_ key: String) -> String? {
    descriptor.split(separator: "\n").first { $0.hasPrefix("\(key)=") }.map {
      $0.dropFirst(key.count + 1).filter { $0 != "\"" }
    }
  }
}
