import DiskImage
import Glibc

/// Searches for anything but zeros, reading as little as possible.
struct ContentSearch {
  enum Answer: Equatable {
    case onlyZeros
    case data
    /// Everything up to the read limit was zeros.
    case tooLarge
  }

  /// The most bytes that one run reads, over all devices: a large disk may be fully allocated but never written.
  static let maximumBytes: UInt64 = 4 << 30
  private static let pieceBytes = 1 << 20

  private var bytesLeft: UInt64
  private var buffer = [UInt8](repeating: 0, count: pieceBytes)

  init(maximumBytes: UInt64 = Self.maximumBytes) { bytesLeft = maximumBytes }

  /// Searches a range of a disk.
  ///
  /// Holes and zeroed extents are not read. Unreadable data counts as data, since it may not be zeros.
  /// - Parameter isCancelled: called before each read; if it returns true, the answer is `tooLarge`.
  mutating func look(
    at range: Range<UInt64>, of disk: some VirtualDisk, isCancelled: () -> Bool = { false }
  ) -> Answer {
    var answer = Answer.onlyZeros
    do {
      try disk.extents(in: range.clamped(to: 0..<disk.size)) { (extent) throws(DiskError) -> Bool in
        guard extent.state == .data else { return true }
        answer = try look(atData: extent.range, of: disk, isCancelled: isCancelled)
        return answer == .onlyZeros
      }
    } catch {
      return .data
    }
    return answer
  }

  private mutating func look(
    atData range: Range<UInt64>, of disk: some VirtualDisk, isCancelled: () -> Bool
  ) throws(DiskError) -> Answer {
    var offset = range.lowerBound
    while offset < range.upperBound {
      guard bytesLeft > 0, !isCancelled() else { return .tooLarge }
      let count = Int(min(range.upperBound - offset, UInt64(Self.pieceBytes)))
      bytesLeft -= min(bytesLeft, UInt64(count))
      if try !isZero(disk, offset, count) { return .data }
      offset += UInt64(count)
    }
    return .onlyZeros
  }

  private mutating func isZero(_ disk: some VirtualDisk, _ offset: UInt64, _ count: Int) throws(DiskError) -> Bool {
    // withUnsafeMutableBytes does not rethrow typed errors.
    var failure: DiskError?
    let isZero = buffer.withUnsafeMutableBytes { bytes in
      let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
      do throws(DiskError) {
        try disk.read(into: piece, at: offset)
      } catch {
        failure = error
        return false
      }
      guard let start = piece.baseAddress else { return true }
      // The first byte is zero, and each byte equals the next one.
      return piece[0] == 0 && memcmp(start, start + 1, count - 1) == 0
    }
    if let failure { throw failure }
    return isZero
  }
}
