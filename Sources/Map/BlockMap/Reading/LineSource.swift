import Glibc
import SystemPackage

/// Reads a file as blocks of whole lines.
///
/// The file is read and not mapped into memory, because a file that shrinks while it is mapped would kill the process.
struct LineSource: ~Copyable {
  private let path: FilePath
  private let descriptor: FileDescriptor
  private let buffer: UnsafeMutableRawBufferPointer
  /// How many bytes at the start of the buffer `next` has returned. `filled` counts all bytes in the buffer.
  private var given = 0
  private var filled = 0
  private var atEnd = false
  /// Whether the last line had a newline; valid after `next` has returned nil.
  private(set) var endsInNewline = true

  /// Longer than any line, so a full buffer without a newline is an error.
  private static let size = 4 << 20

  init(path: FilePath) throws(MapError) {
    self.path = path
    do {
      descriptor = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
    } catch {
      throw .system(path, error as? Errno ?? .ioError)
    }
    // One extra byte for the newline that the last line may lack.
    buffer = .allocate(byteCount: Self.size + 1, alignment: 16)
  }

  deinit {
    close(descriptor.rawValue)
    buffer.deallocate()
  }

  /// Returns the next lines, each with its newline, or nil at the end. They are valid until the next call.
  mutating func next() throws(MapError) -> UnsafeRawBufferPointer? {
    if given > 0, given < filled, let base = buffer.baseAddress {
      memmove(base, base + given, filled - given)
    }
    filled -= given
    given = 0
    while !atEnd, filled < Self.size {
      let count = try read()
      atEnd = count == 0
      filled += count
      // A pipe delivers little at a time: parse what is there instead of waiting until the buffer is full.
      if let length = completeLength(searched: filled - count) { return give(length) }
    }
    if filled == 0 { return nil }
    if atEnd {
      endsInNewline = false
      buffer[filled] = 0x0a
      filled += 1
    }
    // A line that is too long is passed on in part, because the parser knows the line's number for the error.
    return give(filled)
  }

  private mutating func read() throws(MapError) -> Int {
    do {
      return try descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<Self.size]))
    } catch {
      throw .system(path, error as? Errno ?? .ioError, doing: "cannot read")
    }
  }

  /// How many bytes of the buffer are whole lines, if any. The first `searched` bytes contain no newline.
  private func completeLength(searched: Int) -> Int? {
    var length = filled
    while length > searched {
      if buffer[length - 1] == 0x0a { return length }
      length -= 1
    }
    return nil
  }

  private mutating func give(_ length: Int) -> UnsafeRawBufferPointer {
    given = length
    return UnsafeRawBufferPointer(rebasing: buffer[..<length])
  }
}
