/// One client's view of one export. As many threads can call it at a time as the thread model allows.
public protocol Connection: AnyObject, Sendable {
  /// In bytes, at most `Int64.max`.
  var size: UInt64 { get }
  var capabilities: Capabilities { get }
  /// The description of the export for clients. Empty if there is none.
  var exportDescription: String { get }

  /// Fills the whole buffer with the bytes at `offset`. nbdkit has checked the range against `size`.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws
  /// Called only with `Capabilities.canWrite`. With `fua`, the bytes must be on stable storage on return.
  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64, fua: Bool) throws
  /// Makes the range read as zeros. Called only with `Capabilities.canZero`. With `mayTrim`, the range can become a
  /// hole. With `fast`, it must fail with `ENOTSUP` if this is not faster than writing zeros.
  func zero(_ range: Range<UInt64>, mayTrim: Bool, fast: Bool, fua: Bool) throws
  /// Discards the range, which the client no longer needs. Called only with `Capabilities.canTrim`.
  func trim(_ range: Range<UInt64>, fua: Bool) throws
  /// Called only with `Capabilities.canFlush`.
  func flush() throws
  /// Calls `body` with the extents from `range.lowerBound` on, in order and without gaps, until it returns false. With
  /// `one`, a single extent is enough. Called only with `Capabilities.canExtents`.
  func extents(
    in range: Range<UInt64>, one: Bool, _ body: (Range<UInt64>, ExtentState) throws -> Bool) throws
  /// Tells that the client will read this range soon. Called only with `Capabilities.Cache.native`.
  func cache(_ range: Range<UInt64>) throws
  /// Called when the client has disconnected.
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

/// What a client can do with an export. The defaults describe a read-only disk.
public struct Capabilities: Sendable {
  /// How `NBD_CMD_CACHE` is handled.
  public enum Cache: Int32, Sendable {
    case none = 0
    /// nbdkit reads the range and discards the data.
    case emulate = 1
    /// `Connection.cache` is called.
    case native = 2
  }

  /// How FUA is handled: writes that must be on stable storage before they are acknowledged.
  public enum FUA: Int32, Sendable {
    case none = 0
    /// nbdkit flushes after the write.
    case emulate = 1
    /// The flag is passed to `Connection.write` and the other methods.
    case native = 2
  }

  /// The constraints on request sizes, in bytes.
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
  /// nbdkit calls `Connection.zero` instead of writing zeros.
  public var canZero = false
  /// Zeroing is never slower than writing, so `fast` can be ignored.
  public var canFastZero = false
  public var canTrim = false
  public var isRotational = false
  public var canExtents = false
  /// After a flush on one connection, all connections see the data.
  public var canMultiConn = false
  /// If nil, nbdkit emulates FUA with a flush if `canFlush` is set.
  public var fua: FUA?
  public var cache = Cache.none
  /// If nil, clients are not told any constraints.
  public var blockSize: BlockSize?

  public init() {}
}
