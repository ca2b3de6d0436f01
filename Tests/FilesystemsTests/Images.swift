import BlockStack
import Foundation
import Subprocess
import SystemPackage
import Testing

@testable import Filesystems

/// The bytes of an image.
struct ImageBytes: DeviceBytes {
  struct BeyondEnd: Error {}

  var data: [UInt8]

  init(_ data: [UInt8]) { self.data = data }

  init(contentsOf path: FilePath) throws { data = Array(try Data(contentsOf: URL(fileURLWithPath: path.string))) }

  var size: UInt64 { UInt64(data.count) }

  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    guard count >= 0, offset <= size, UInt64(count) <= size - offset else { throw BeyondEnd() }
    return Array(data[Int(offset)..<Int(offset) + count])
  }
}

/// A directory with files for an image, and the images.
struct ImageDirectory: ~Copyable {
  struct ToolFailure: Error, CustomStringConvertible {
    let description: String
  }

  let path: FilePath

  init() throws {
    path = FilePath("/tmp").appending("bmap-images-\(UUID().uuidString)")
    let tree = path.appending("tree/directory")
    try FileManager.default.createDirectory(atPath: tree.string, withIntermediateDirectories: true)
    for number in 0..<100 {
      let text = (0...number * 30).map(String.init).joined(separator: "\n")
      try Data(text.utf8).write(to: URL(fileURLWithPath: tree.appending("file\(number)").string))
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path.string) }

  func callAsFunction(_ name: String) -> FilePath { path.appending(name) }

  /// Makes an empty image.
  func make(_ name: String, bytes: Int) throws {
    let file = try FileDescriptor.open(self(name), .writeOnly, options: [.create], permissions: .ownerReadWrite)
    defer { try? file.close() }
    try file.resize(to: Int64(bytes))
  }

  /// Runs a program and returns its standard output.
  @discardableResult
  func run(_ tool: String, _ arguments: [String]) async throws -> String {
    let result = try await Subprocess.run(
      .name(tool), arguments: Arguments(arguments), workingDirectory: path, output: .string(limit: 8 << 20),
      error: .string(limit: 1 << 20))
    guard result.terminationStatus.isSuccess else {
      throw ToolFailure(description: "\(tool) \(arguments): \(result.standardError)")
    }
    return result.standardOutput
  }
}

extension [DeviceArea] {
  /// The number of bytes of free space, which must not overlap itself or anything else.
  func freeBytes(sourceLocation: SourceLocation = #_sourceLocation) -> UInt64 {
    let sorted = sorted { $0.range.lowerBound < $1.range.lowerBound }
    for (a, b) in zip(sorted, sorted.dropFirst()) where a.kind == .unallocated || b.kind == .unallocated {
      #expect(a.range.upperBound <= b.range.lowerBound, "\(a) \(b)", sourceLocation: sourceLocation)
    }
    return filter { $0.kind == .unallocated }.reduce(0) { $0 + ($1.range.upperBound - $1.range.lowerBound) }
  }

  func range(_ name: String) -> Range<UInt64>? { first { $0.name == name }?.range }
}
