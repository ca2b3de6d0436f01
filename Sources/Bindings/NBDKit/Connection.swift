/// One client's view of one export. Called from as many threads at a time as the thread model allows.
public protocol Connection: AnyObject, Sendable {
  /// Bytes, at most `Int64.max`.
  var size: UInt64 { get }
  var capabilities: Capabilities { get }
  /// What a client is told of the export; empty for nothing.
  var exportDescription: String { get }

  /// Fills the whole buffer with the bytes from `offset` on. nbdkit has checked the range against `size`.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws
  /// Called only with `Capabilities.canWrite`. With `fua` the bytes must be on stable storage on return.
  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64, fua: Bool) throws
  /// Called only with `Capabilities.canZero`: makes the range read as zeros. With `mayTrim` it may become a hole. With
  /// `fast` it is an error that knows `ENOTSUP` if that takes as long as writing them.
  func zero(_ range: Range<UInt64>, mayTrim: Bool, fast: Bool, fua: Bool) throws
  /// Called only with `Capabilities.canTrim`: the client does not need the range any more.
  func trim(_ range: Range<UInt64>, fua: Bool) throws
  /// Called only with `Capabilities.canFlush`.
  func flush() throws
  /// Called only with `Capabilities.canExtents`: calls `body` with what lies from `range.lowerBound` on, in order and
  /// without gaps, until it returns false: that is enough. With `one`, a single extent will do.
  func extents(
    in range: Range<UInt64>, one: Bool, _ body: (Range<UInt64>, ExtentState) throws -> Bool) throws
  /// Called only with `Capabilities.Cache.native`: the client will read this soon.
  func cache(_ range: Range<UInt64>) throws
  /// The client is gone.
  func close()
}

extension Connection {
  public var exportDescription: String { "" }
  public func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64, fua: Bool) throws {
    throw PluginError(errno: .readOnly, "this export cannot be written")
  }
  public func zero(_ range: Range<UInt64>, mayTrim: Bool, fast: Bool, fua: Bool) throws {
    throw PluginError(errno: .notSupported, "this export cannot be zeroed")
  }
  public func trim(_ range: Range<UInt64>, fua: Bool) throws {}
  public func flush() throws {}
  public func extents(
    in range: Range<UInt64>, one: Bool, _ body: (Range<UInt64>, ExtentState) throws -> Bool
  ) throws {
    _ = try body(range, .data)
  }
  public func cache(_ range: Range<UInt64>) throws {}
  public func close() {}
}

/// What a client may do with an export. The defaults describe a read-only disk.
public struct Capabilities: Sendable {
  /// How `NBD_CMD_CACHE` is answered.
  public enum Cache: Int32, Sendable {
    case none = 0
    /// nbdkit reads the range and throws it away.
    case emulate = 1
    /// `Connection.cache` is called.
    case native = 2
  }

  /// What is done with a write that has to be on stable storage when it is answered.
  public enum FUA: Int32, Sendable {
    case none = 0
    /// nbdkit flushes after it.
    case emulate = 1
    /// `Connection.write` and the others are told.
    case native = 2
  }

  /// What is known about the sizes of requests, in bytes.
  public struct BlockSize: Sendable {
    /// A power of two, at most 65536.
    public var minimum: UInt32
    /// A power of two from 512 to 32 MiB.
    public var preferred: UInt32
    /// A multiple of `minimum`, or `UInt32.max` for no limit.
    public var maximum: UInt32

    public init(minimum: UInt32, preferred: UInt32, maximum: UInt32) {
      self.minimum = minimum
      self.preferred = preferred
      self.maximum = maximum
    }
  }

  public var canWrite = false
  public var canFlush = false
  /// `Connection.zero` is called, instead of nbdkit writing zeros.
  public var canZero = false
  /// Zeroing is never slower than writing, so that `fast` can be left out of account.
  public var canFastZero = false
  public var canTrim = false
  public var isRotational = false
  public var canExtents = false
  /// Several connections see one another's writes after a flush.
  public var canMultiConn = false
  /// Nil: nbdkit flushes after such a write where `canFlush` is set.
  public var fua: FUA?
  public var cache = Cache.none
  /// Nil: nothing is said to the client.
  public var blockSize: BlockSize?

  public init() {}
}
