import CLibnbd
public import DiskImage
import Glibc
import Synchronization
import SystemPackage

/// An export of an NBD server as a disk. It is only read.
///
/// Reads wait for one another where the server takes one connection only; where it says that all connections show the
/// same, there are up to eight.
public final class NBDDisk: VirtualDisk {
  private static let mostConnections = 8
  /// Seconds for a connection beyond the first. A server may have room for fewer clients than its flags let expect.
  private static let shortPatience = 2

  private let address: NBDAddress
  private let export: NBDExport
  private let connections: [Slot]
  /// Which connection to wait for where none is free.
  private let turn = Atomic<UInt>(0)
  /// How many of `connections` can be used.
  private let usable: Atomic<Int>
  private let isClosed = Atomic<Bool>(false)
  /// A server that went away is not looked for again: what it has by then may be another disk.
  private let isLost = Atomic<Bool>(false)
  private let isCancelled: @Sendable () -> Bool
  private let onLoss: @Sendable (DiskError) -> Void

  private final class Slot: Sendable {
    /// Nil before it is made and after it is lost.
    let handle: Mutex<NBDHandle?>

    init(_ handle: consuming NBDHandle?) { self.handle = Mutex(handle) }
  }

  /// Connects to the server. Threads are not started.
  /// - Parameters:
  ///   - isCancelled: asked ten times a second while the server is waited for; true ends this with an error.
  ///   - onLoss: called once when the server is gone, from a thread that reads.
  /// - Throws: `DiskError`: there is no server, or it does not have the export.
  public init(
    at address: NBDAddress, isCancelled: @escaping @Sendable () -> Bool = { false },
    onLoss: @escaping @Sendable (DiskError) -> Void = { _ in }
  ) throws(DiskError) {
    let handle = try NBDHandle.connect(to: address, for: .reading, isCancelled: isCancelled)
    self.address = address
    self.onLoss = onLoss
    self.isCancelled = isCancelled
    export = try handle.export(isCancelled: isCancelled)
    let more = export.takesSeveralConnections ? Self.mostConnections - 1 : 0
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

  /// Reads from the start of `wanted` on, not beyond its end.
  /// - Returns: where the next read has to begin.
  private func read(_ wanted: Range<UInt64>, into target: UnsafeMutableRawBufferPointer) throws(DiskError) -> UInt64 {
    let aligned = self.aligned(wanted)
    if aligned == wanted {
      try use { (handle, isCancelled) throws(DiskError) in
        try handle.read(into: target, at: wanted.lowerBound, isCancelled: isCancelled)
      }
      return wanted.upperBound
    }
    // The server reads whole blocks only: more than was asked for, and not into the caller's memory.
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

  /// The range with what has to be read beside it. The last block may be a part of one.
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
      // A server that tells nothing of a range has not said that it is a hole.
      if found.first?.length ?? 0 == 0 { found = [(UInt32(clamping: range.upperBound &- position), 0)] }
      for (length, flags) in found where length > 0 && position < range.upperBound {
        let part = position..<min(range.upperBound, position &+ UInt64(length))
        guard try joiner.add(part, DiskExtent.State(flags), to: body) else { return }
        position = part.upperBound
      }
    }
    try joiner.finish(body)
  }

  /// What the server says of a part of the range that begins at `position`.
  private func status(from position: UInt64, to end: UInt64) throws(DiskError) -> [(length: UInt32, flags: UInt32)] {
    guard export.tellsExtents else { return [] }
    // A request's length is a number of 32 bits.
    let asked = aligned(position..<min(end, position &+ 1 << 30))
    var found: [(length: UInt32, flags: UInt32)] = []
    try use { (handle, isCancelled) throws(DiskError) in
      found = try handle.status(of: asked, isCancelled: isCancelled)
    }
    // What was asked for beyond the start.
    if let first = found.first {
      found[0].length = first.length - min(first.length, UInt32(clamping: position &- asked.lowerBound))
    }
    return found
  }

  /// One place: the server is all that is known.
  public func places(in range: Range<UInt64>, _ body: (DiskPlace) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range)
    guard !range.isEmpty else { return }
    let name = FilePath(String(decoding: address.bytes, as: UTF8.self))
    _ = try body(DiskPlace(range: range, storage: .file(name, offset: range.lowerBound)))
  }

  /// Reads that are under way end with an error.
  public func close() {
    isClosed.store(true, ordering: .releasing)
    for connection in connections { connection.handle.withLock { $0 = nil } }
  }

  /// Calls `body` with a connection that nobody else uses now, after waiting for one if need be.
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

  /// - Returns: false if the server does not take this connection.
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
      // The first one is there from the beginning.
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
  /// From the flags of the context `base:allocation`.
  fileprivate init(_ flags: UInt32) {
    let isHole = flags & UInt32(LIBNBD_STATE_HOLE) != 0
    // A hole need not read as zeros.
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
