import Glibc
import SystemPackage

/// The bytes of a list, of which only a block is in memory.
struct ListSource {
  private static let blockBytes = 1 << 16
  /// In bytes, without the newline. A longer line is in no list.
  static let longestLine = 1 << 16

  private let descriptor: FileDescriptor?
  private var block: [UInt8]
  private var position = 0
  /// The number of the line that the next byte is on, from 1.
  private(set) var line = 1

  /// - Parameter descriptor: stays open.
  init(_ descriptor: FileDescriptor) {
    self.descriptor = descriptor
    block = []
  }

  init(_ bytes: [UInt8]) {
    descriptor = nil
    block = bytes
  }

  /// The next byte, which stays; nil at the end.
  /// - Throws: `ListError` if the file cannot be read.
  @inline(__always)
  mutating func peek() throws(ListError) -> UInt8? {
    if position == block.count { try fill() }
    return position < block.count ? block[position] : nil
  }

  /// Goes on to the byte after the one that `peek` returned.
  @inline(__always)
  mutating func skip() {
    if block[position] == 0x0a { line += 1 }
    position += 1
  }

  /// The first bytes, which stay. Call this before anything is read.
  mutating func start() throws(ListError) -> ArraySlice<UInt8> {
    var first: [UInt8] = []
    // A pipe delivers little at a time.
    while descriptor != nil, first.count < 4096 {
      try fill()
      guard !block.isEmpty else { break }
      first += block
    }
    if descriptor != nil { block = first }
    return block[...]
  }

  private mutating func fill() throws(ListError) {
    guard let descriptor else { return }
    var next = [UInt8](repeating: 0, count: Self.blockBytes)
    do {
      let count = try next.withUnsafeMutableBytes { try descriptor.read(into: $0) }
      next.removeSubrange(count...)
    } catch {
      throw ListError("cannot read: \(error as? Errno ?? .ioError)")
    }
    (block, position) = (next, 0)
  }

  /// Reads the next line, without its newline, into `text`.
  /// - Returns: the number of the line; nil at the end.
  /// - Throws: `ListError` if the file cannot be read, or the line has no newline or is too long.
  mutating func readLine(into text: inout [UInt8]) throws(ListError) -> Int? {
    text.removeAll(keepingCapacity: true)
    while true {
      if position == block.count { try fill() }
      guard position < block.count else {
        if text.isEmpty { return nil }
        throw ListError(line: line, "the list ends in the middle of this line")
      }
      let end = block[position...].firstIndex(of: 0x0a) ?? block.count
      guard text.count + end - position <= Self.longestLine else {
        throw ListError(line: line, "more than \(Self.longestLine) bytes")
      }
      text.append(contentsOf: block[position..<end])
      position = end
      guard end < block.count else { continue }
      skip()
      return line - 1
    }
  }
}
