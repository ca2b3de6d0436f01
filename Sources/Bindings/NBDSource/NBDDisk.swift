import CLibnbd
public import DiskImage
import Glibc
import Synchronization
import SystemPackage

/// An export of an NBD server as a read-only disk.
///
/// If the server supports only one connection, reads wait for one another. If it says that all connections see the same
/// data (multi-conn), up to eight are used.
public final class NBDDisk: VirtualDisk {
  private static let maximumConnections = 8
  /// In seconds, for connections after the first. A server can accept fewer clients than its flags suggest.
  private static let shortPatience = 2

  private let address: NBDAddress
  private let export: NBDExport
  private let connections: [Slot]
  /// Chooses the connection to wait for if none is free.
  private let turn = Atomic<UInt>(0)
  /// How many of `connections` can be used.
  private let usable: Atomic<Int>
  private let isClosed = Atomic<Bool>(false)
  /// There is no reconnection to a lost server: by then it could serve another disk.
  private let isLost = Atomic<Bool>(false)
  private let isCancelled: @Sendable () -> Bool
  private let onLoss: @Sendable (DiskError) -> Void

  private final class Slot: Sendable {
    /// Nil before the connection is made and after it is lost.
    let handle: Mutex<NBDHandle?>

    init(_ handle: consuming NBDHandle?) { self.handle = Mutex(handle) }
  }

  /// Connects to the server. Starts no threads.
  /// - Parameters:
  ///   - isCancelled: called ten times a second while waiting for the server; if it returns true, the wait ends with an
  ///     error.
  ///   - onLoss: called once when the server is gone, from a thread that reads.
  /// - Throws: `DiskError` if there is no server, or if it does not have the export.
  public init(
    at address: NBDAddress, isCancelled: @escaping @Sendable () -> Bool = { false },
    onLoss: @escaping @Sendable (DiskError) -> Void = { _ in }
  ) throws(DiskError) {
    let handle = try NBDHandle.connect(to: address, for: .reading, isCancelled: isCancelled)
    self.address = address
    self.onLoss = onLoss
    self.isCancelled = isCancelled
    export = try handle.export(isCancelled: isCancelled)
    let more = export.takesSeveralConnections ? Self.maximumConnections - 1 : 0
    connections = [Slot(handle)] + (0..<more).map { _ in Slot(nil) }
    usable = Atomic(connections.count)
  }

  public var size: UInt64 { export.size }

  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    let range = try checkedRange(at: offset, count: buffer.count)
    var position = range.lowerBound
    while position < range.upperBound {
      let wanted = position..<min(range.upperBound, position &+ export.maximumRequest)
      let target = UnsafeMutableRawBufferPointer(
        rebasing: buffer[Int(position &- offset)..<Int(wanted.upperBound &- offset)])
      position = try read(wanted, into: target)
    }
  }

  /// Reads from the start of `wanted`, but not beyond its end.
  /// - Returns: the offset at which the next read must begin.
  private func read(_ wanted: Range<UInt64>, into target: UnsafeMutableRawBufferPointer) throws(DiskError) -> UInt64 {
    let aligned = self.aligned(wanted)
    if aligned == wanted {
      try use { (handle, isCancelled) throws(DiskError) in
        try handle.read(into: target, at: wanted.lowerBound, isCancelled: isCancelled)
      }
      return wanted.upperBound
    }
    // The server reads only whole blocks: this is more than was asked for, so it cannot go into the caller's memory.
    let end = min(aligned.upperBound, aligned.lowerBound &+ export.maximumRequest)
    let copied = wanted.clamped(to: aligned.lowerBound..<end)
    let bounce = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(end &- aligned.lowerBound), alignment: 16)
    defer { bounce.deallocate() }
    try use { (handle, isCancelled) throws(DiskError) in
      try handle.read(into: bounce, at: aligned.lowerBound, isCancelled: isCancelled)
    }
    let skipped = Int(copied.lowerBound &- aligned.lowerBound)
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bounce[skipped..<(skipped + copied.count)]))
    return copied.upperBound
  }

  /// The range, extended to whole blocks. The last block of the disk can be incomplete.
  private func aligned(_ range: Range<UInt64>) -> Range<UInt64> {
    let mask = export.minimumRequest &- 1
    let end = (range.upperBound &+ mask) & ~mask
    return (range.lowerBound & ~mask)..<min(end, size)
  }

  public func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range)
    var joiner = ExtentJoiner()
    var position = range.lowerBound
    while position < range.upperBound {
      var found = try status(from: position, to: range.upperBound)
      // A server that says nothing about a range has not said that it is a hole.
      if found.first?.length ?? 0 == 0 { found = [(UInt32(clamping: range.upperBound &- position), 0)] }
      for (length, flags) in found where length > 0 && position < range.upperBound {
        let part = position..<min(range.upperBound, position &+ UInt64(length))
        guard try joiner.add(part, DiskExtent.State(flags), to: body) else { return }
        position = part.upperBound
      }
    }
    try joiner.finish(body)
  }

  /// The server's extents from `position` on; they need not reach `end`.
  private func status(from position: UInt64, to end: UInt64) throws(DiskError) -> [(length: UInt32, flags: UInt32)] {
    guard export.tellsExtents else { return [] }
    // The length of a request has 32 bits.
    let asked = aligned(position..<min(end, position &+ 1 << 30))
    var found: [(length: UInt32, flags: UInt32)] = []
    try use { (handle, isCancelled) throws(DiskError) in
      found = try handle.status(of: asked, isCancelled: isCancelled)
    }
    // The aligned request can begin before `position`: leave that part out.
    if let first = found.first {
      found[0].length = first.length - min(first.length, UInt32(clamping: position &- asked.lowerBound))
    }
    return found
  }

  /// Reports one location: nothing is known beyond the server.
  public func locations(in range: Range<UInt64>, _ body: (DiskLocation) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range)
    guard !range.isEmpty else { return }
    let name = FilePath(String(decoding: address.bytes, as: UTF8.self))
    _ = try body(DiskLocation(range: range, storage: .file(name, offset: range.lowerBound)))
  }

  /// Reads in progress fail.
  public func close() {
    isClosed.store(true, ordering: .releasing)
    for connection in connections { connection.handle.withLock { $0 = nil } }
  }

  /// Calls `body` with a connection that nobody else is using, and waits for one if necessary.
  private func use(_ body: (borrowing NBDHandle, () -> Bool) throws(DiskError) -> Void) throws(DiskError) {
    for index in 0..<usable.load(ordering: .relaxed) {
      let isDone = try connections[index].handle.withLockIfAvailable { (handle) throws(DiskError) in
        try use(&handle, index, body)
      }
      if isDone == true { return }
    }
    let usable = UInt(usable.load(ordering: .relaxed))
    let index = Int(turn.wrappingAdd(1, ordering: .relaxed).oldValue % usable)
    for index in [index, 0] {
      let isDone = try connections[index].handle.withLock { (handle) throws(DiskError) in
        try use(&handle, index, body)
      }
      if isDone { return }
    }
  }

  /// - Returns: false if the server does not accept this connection.
  private func use(
    _ handle: inout NBDHandle?, _ index: Int, _ body: (borrowing NBDHandle, () -> Bool) throws(DiskError) -> Void
  ) throws(DiskError) -> Bool {
    let isCancelled = { self.isClosed.load(ordering: .acquiring) || self.isCancelled() }
    guard !isCancelled() else { throw DiskError(address, "is closed", EBADF) }
    guard !isLost.load(ordering: .acquiring) else { throw lost }
    let connection: NBDHandle
    if let present = handle.take() {
      connection = present
    } else {
      // The first connection was made at the start.
      guard index > 0 else { throw lost }
      do throws(DiskError) {
        connection = try NBDHandle.connect(
          to: address, for: .reading, patience: Self.shortPatience, isCancelled: isCancelled)
      } catch {
        usable.min(index, ordering: .relaxed)
        return false
      }
    }
    do throws(DiskError) {
      try body(connection, isCancelled)
      handle = consume connection
      return true
    } catch {
      if isCancelled() { throw DiskError(address, "is closed", EBADF) }
      if connection.isAlive {
        handle = consume connection
        throw error
      }
      if !isLost.exchange(true, ordering: .acquiringAndReleasing) { onLoss(error) }
      throw error
    }
  }

  private var lost: DiskError { DiskError(address, "the server is gone", ESHUTDOWN) }
}

extension DiskExtent.State {
  /// Converts the flags of the `base:allocation` context.
  fileprivate init(_ flags: UInt32) {
    let isHole = flags & UInt32(LIBNBD_STATE_HOLE) != 0
    // A hole does not necessarily read as zeros.
    self = flags & UInt32(LIBNBD_STATE_ZERO) == 0 ? .data : isHole ? .hole : .zero
  }
}

extension NBDDisk {
  private func checkedRange(at offset: UInt64, count: Int) throws(DiskError) -> Range<UInt64> {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= size else {
      throw DiskError(address, "a read of \(count) bytes at offset \(offset) goes beyond the size \(size)", EINVAL)
    }
    return offset..<end
  }

  private func check(_ range: Range<UInt64>) throws(DiskError) {
    guard range.upperBound <= size else {
      throw DiskError(
        address, "the range \(range.lowerBound)-\(range.upperBound) goes beyond the size \(size)", EINVAL)
    }
  }
}
