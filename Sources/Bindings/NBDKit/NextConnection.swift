import CNBDKit
import Glibc

/// A filter's connection to the next layer: another filter or the plugin.
public final class NextConnection: Connection {
  /// An error that has already been reported to the user where it happened.
  private struct Failure: ErrnoError, CustomStringConvertible {
    var errnoValue: Int32
    var isReported: Bool { true }
    var description: String { String(cString: strerror(errnoValue)) }
  }

  // nbdkit does not move it until the connection is finalized, and allows calls from any thread.
  nonisolated(unsafe) private let next: UnsafeMutablePointer<nbdkit_next>
  public let size: UInt64
  public let capabilities: Capabilities

  /// - Parameter next: prepared, and not finalized as long as this object is used.
  /// - Throws: an error that has already been reported to the user.
  init(_ next: UnsafeMutablePointer<nbdkit_next>) throws {
    guard let size = UInt64(exactly: next.pointee.get_size(next)) else { throw Failure(errnoValue: EIO) }
    self.next = next
    self.size = size
    capabilities = try Self.capabilities(of: next)
  }

  /// nbdkit allows a request only after it has been asked whether the request is supported.
  private static func capabilities(of next: UnsafeMutablePointer<nbdkit_next>) throws -> Capabilities {
    func ask(_ question: ((UnsafeMutablePointer<nbdkit_next>?) -> Int32)?) throws -> Int32 {
      guard let answer = question?(next), answer >= 0 else { throw Failure(errnoValue: EIO) }
      return answer
    }
    let calls = next.pointee
    var result = Capabilities()
    result.canWrite = try ask(calls.can_write) > 0
    result.canFlush = try ask(calls.can_flush) > 0
    result.isRotational = try ask(calls.is_rotational) > 0
    if result.canWrite {
      result.canTrim = try ask(calls.can_trim) > 0
      result.canZero = try ask(calls.can_zero) != NBDKIT_ZERO_NONE
      result.canFastZero = try result.canZero && ask(calls.can_fast_zero) > 0
      result.fua = Capabilities.FUA(rawValue: try ask(calls.can_fua))
    }
    result.canExtents = try ask(calls.can_extents) > 0
    result.canMultiConn = try ask(calls.can_multi_conn) > 0
    // If caching is emulated, nbdkit emulates it below this filter, where the reads are not taken for a client's
    // requests.
    result.cache = try ask(calls.can_cache) == NBDKIT_CACHE_NONE ? .none : .native
    var (minimum, preferred, maximum): (UInt32, UInt32, UInt32) = (0, 0, 0)
    guard next.pointee.block_size(next, &minimum, &preferred, &maximum) == 0 else { throw Failure(errnoValue: EIO) }
    if minimum > 0 {
      result.blockSize = Capabilities.BlockSize(minimum: minimum, preferred: preferred, maximum: maximum)
    }
    return result
  }

  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    guard !buffer.isEmpty else { return }
    try call { next.pointee.pread(next, buffer.baseAddress, UInt32(clamping: buffer.count), offset, 0, &$0) }
  }

  public func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64, fua: Bool) throws {
    guard !buffer.isEmpty else { return }
    try call {
      next.pointee.pwrite(
        next, buffer.baseAddress, UInt32(clamping: buffer.count), offset, fua ? UInt32(NBDKIT_FLAG_FUA) : 0, &$0)
    }
  }

  public func zero(_ range: Range<UInt64>, mayTrim: Bool, fast: Bool, fua: Bool) throws {
    let flags =
      (mayTrim ? NBDKIT_FLAG_MAY_TRIM : 0) | (fast ? NBDKIT_FLAG_FAST_ZERO : 0) | (fua ? NBDKIT_FLAG_FUA : 0)
    try call { next.pointee.zero(next, UInt32(clamping: range.count), range.lowerBound, UInt32(flags), &$0) }
  }

  public func trim(_ range: Range<UInt64>, fua: Bool) throws {
    try call {
      next.pointee.trim(
        next, UInt32(clamping: range.count), range.lowerBound, fua ? UInt32(NBDKIT_FLAG_FUA) : 0, &$0)
    }
  }

  public func flush() throws {
    try call { next.pointee.flush(next, 0, &$0) }
  }

  public func cache(_ range: Range<UInt64>) throws {
    try call { next.pointee.cache(next, UInt32(clamping: range.count), range.lowerBound, 0, &$0) }
  }

  public func extents(
    in range: Range<UInt64>, one: Bool, _ body: (Range<UInt64>, ExtentState) throws -> Bool
  ) throws {
    guard capabilities.canExtents else {
      _ = try body(range, .data)
      return
    }
    var position = range.lowerBound
    while position < range.upperBound {
      guard let list = nbdkit_extents_new(position, size) else { throw Failure(errnoValue: errno) }
      defer { nbdkit_extents_free(list) }
      let count = UInt32(clamping: min(range.upperBound - position, 1 << 31))
      try call { next.pointee.extents(next, count, position, one ? UInt32(NBDKIT_FLAG_REQ_ONE) : 0, list, &$0) }
      let found = nbdkit_extents_count(list)
      // An empty answer does not mean that the range is a hole.
      guard found > 0 else {
        _ = try body(position..<range.upperBound, .data)
        return
      }
      for number in 0..<found where position < range.upperBound {
        let extent = nbdkit_get_extent(list, number)
        let end = min(range.upperBound, position &+ extent.length)
        guard extent.length > 0, try body(position..<end, ExtentState(flags: extent.type)) else { return }
        position = end
      }
    }
  }

  @inline(__always)
  private func call(_ body: (inout Int32) -> Int32) throws {
    var number: Int32 = 0
    guard body(&number) != 0 else { return }
    throw Failure(errnoValue: number > 0 ? number : EIO)
  }
}
