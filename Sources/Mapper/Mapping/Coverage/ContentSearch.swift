import DiskImage
import Glibc

/// Looks for anything but zeros, reading as little as that takes.
struct ContentSearch {
  enum Answer: Equatable {
    case onlyZeros
    case data
    /// So much was read as one run may read; there were only zeros.
    case tooLarge
  }

  /// What one run reads, all devices together: a disk may be large, and all of it allocated and never written.
  static let mostBytes: UInt64 = 4 << 30
  private static let pieceBytes = 1 << 20

  /// What may still be read.
  private var bytesLeft: UInt64
  private var buffer = [UInt8](repeating: 0, count: pieceBytes)

  init(mostBytes: UInt64 = Self.mostBytes) { bytesLeft = mostBytes }

  /// Looks at a range of a disk.
  ///
  /// What the image has no data for is not read. What cannot be read counts as data: nobody knows that it is zeros.
  /// - Parameter isCancelled: asked before each read; when it is true, the answer is `tooLarge`.
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
    // withUnsafeMutableBytes does not pass on typed errors.
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
      // Each byte equals the one after it, and the first is zero.
      return piece[0] == 0 && memcmp(start, start + 1, count - 1) == 0
    }
    if let failure { throw failure }
    return isZero
  }
}
