import BlockMap
import Prefetch
import SystemPackage

/// Reads a list that `virt-bmap prefetch --format files` wrote.
struct PrefetchListInput {
  private static let blockBytes = 1 << 18

  private let name: String

  /// - Parameter name: as the user gave it; `-` is standard input.
  init(_ name: String) { self.name = name }

  /// - Throws: `InputError`, and what `body` throws.
  func read(_ body: (PrefetchList.Line) throws -> Void) throws {
    let shown = name == "-" ? "standard input" : name
    do {
      guard name != "-" else { return try read(FileDescriptor.standardInput, shown, body) }
      let file = try FileDescriptor.open(filePath(name), .readOnly, options: [.closeOnExec])
      defer { try? file.close() }
      try read(file, shown, body)
    } catch let error as Errno {
      throw InputError(shown, "cannot be read: \(error)")
    }
  }

  private func read(_ file: FileDescriptor, _ shown: String, _ body: (PrefetchList.Line) throws -> Void) throws {
    var block = [UInt8](repeating: 0, count: Self.blockBytes)
    var (rest, number) = ([UInt8](), 0)
    while case let count = try block.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
      var lines = block[..<count].split(separator: 0x0a, omittingEmptySubsequences: false)
      let last = lines.removeLast()
      for line in lines {
        number += 1
        try parse(rest.isEmpty ? line : (rest + line)[...], number, shown, body)
        rest.removeAll(keepingCapacity: true)
      }
      rest += last
      guard rest.count <= FormatLimits.lineBytes else { throw InputError(shown, "line \(number + 1): too long") }
    }
    if number == 0 { throw InputError(shown, "not a list of virt-bmap prefetch --format files") }
    if !rest.isEmpty { throw InputError(shown, "line \(number + 1): the list ends in the middle of this line") }
  }

  private func parse(
    _ line: ArraySlice<UInt8>, _ number: Int, _ shown: String, _ body: (PrefetchList.Line) throws -> Void
  ) throws {
    if number == 1 {
      guard line.elementsEqual(PrefetchList.header.dropLast()) else {
        throw InputError(shown, "not a list of virt-bmap prefetch --format files")
      }
      return
    }
    guard line.first != UInt8(ascii: "#") else { return }
    let parsed: PrefetchList.Line
    do { parsed = try PrefetchList.Line(line) } catch { throw InputError(shown, "line \(number): \(error)") }
    try body(parsed)
  }
}
