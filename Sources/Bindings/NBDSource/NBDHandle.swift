import CLibnbd
import DiskImage
import Glibc

/// A connection to an NBD server: a libnbd handle, see libnbd(3).
///
/// It waits for the server in short steps, so that waiting can be cancelled.
struct NBDHandle: ~Copyable, Sendable {
  /// How far the negotiation with the server goes.
  enum Purpose {
    /// Until the export can be asked about. A server that exits with its last client does not count this connection.
    case asking
    /// To the end: the export can be read.
    case reading
  }

  /// The interval in milliseconds between calls of `isCancelled`.
  private static let step: Int32 = 100
  /// In seconds: how long a server may take to answer while a connection is being made.
  static let patience = 60

  // libnbd has a lock in each handle.
  nonisolated(unsafe) private let handle: OpaquePointer
  let address: NBDAddress

  private init(_ handle: OpaquePointer, _ address: NBDAddress) {
    self.handle = handle
    self.address = address
  }

  deinit {
    // Disconnect, so that the server does not complain, but do not wait for an answer.
    if nbd_aio_is_ready(handle) == 1 {
      _ = nbd_aio_disconnect(handle, 0)
    } else if nbd_aio_is_negotiating(handle) == 1 {
      _ = nbd_aio_opt_abort(handle)
    }
    nbd_close(handle)
  }

  /// - Parameters:
  ///   - patience: in seconds.
  ///   - isCancelled: called ten times a second; if it returns true, the attempt ends with `ECANCELED`.
  /// - Throws: `DiskError` if there is no server, it does not answer, or it does not have the export.
  static func connect(
    to address: NBDAddress, for purpose: Purpose, patience: Int = NBDHandle.patience, isCancelled: () -> Bool
  ) throws(DiskError) -> NBDHandle {
    guard let created = nbd_create() else { throw DiskError(address, "libnbd cannot be used", ENOMEM) }
    let new = NBDHandle(created, address)
    // The user chose the URI, and with it the key files that it names.
    _ = nbd_set_uri_allow_local_file(created, true)
    _ = nbd_set_opt_mode(created, purpose == .asking)
    if purpose == .reading { _ = nbd_add_meta_context(created, LIBNBD_CONTEXT_BASE_ALLOCATION) }
    let text = address.bytes.map { CChar(bitPattern: $0) } + [0]
    guard text.withUnsafeBufferPointer({ $0.baseAddress.map { nbd_aio_connect_uri(created, $0) } ?? -1 }) == 0 else {
      throw new.failure("cannot connect")
    }
    try new.wait(for: "cannot connect", patience: patience, isCancelled: isCancelled) {
      nbd_aio_is_connecting(created) == 0
    }
    guard nbd_aio_is_ready(created) == 1 || nbd_aio_is_negotiating(created) == 1 else {
      throw new.failure("cannot connect")
    }
    return new
  }

  /// Whether requests can still be sent.
  var isAlive: Bool { nbd_aio_is_ready(handle) == 1 || nbd_aio_is_processing(handle) == 1 }

  /// What the server says about the export.
  func export(isCancelled: () -> Bool) throws(DiskError) -> NBDExport {
    if nbd_aio_is_negotiating(handle) == 1 { try askAboutExport(isCancelled) }
    let size = nbd_get_size(handle)
    guard size >= 0 else { throw failure("the server does not tell the size") }
    guard size > 0 else { throw DiskError(address, "is empty: not a disk", EINVAL) }
    // These defaults work with every server; see "Block size constraints" in the NBD protocol.
    let minimum = blockSize(LIBNBD_SIZE_MINIMUM) { $0 <= 65536 && $0 & ($0 &- 1) == 0 } ?? 512
    let maximum = blockSize(LIBNBD_SIZE_MAXIMUM) { $0 >= minimum } ?? 32 << 20
    return NBDExport(
      size: UInt64(size), minimumRequest: minimum, maximumRequest: min(maximum, 32 << 20) / minimum * minimum,
      takesSeveralConnections: nbd_can_multi_conn(handle) == 1,
      tellsExtents: nbd_can_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1)
  }

  /// In bytes; nil if the server says nothing, or the value makes no sense.
  private func blockSize(_ kind: Int32, isSensible: (UInt64) -> Bool) -> UInt64? {
    let size = nbd_get_block_size(handle, kind)
    guard size > 0, isSensible(UInt64(size)) else { return nil }
    return UInt64(size)
  }

  private func askAboutExport(_ isCancelled: () -> Bool) throws(DiskError) {
    let handle = handle
    var failure = try negotiate(isCancelled) { nbd_aio_opt_info(handle, $0) }
    // An older server answers only its clients.
    if [ENOTSUP, EINVAL].contains(failure) { failure = try negotiate(isCancelled) { nbd_aio_opt_go(handle, $0) } }
    switch failure {
    case 0: return
    case ENOENT: throw DiskError(address, "the server has no such export", ENOENT)
    default: throw DiskError(address, "the server refuses the export: \(explanation(failure))", failure)
    }
  }

  /// Sends an option and waits for the answer: 0 or an errno value.
  private func negotiate(
    _ isCancelled: () -> Bool, _ start: (nbd_completion_callback) -> CInt
  ) throws(DiskError) -> CInt {
    let answer = Answer()
    var completion = nbd_completion_callback()
    completion.user_data = Unmanaged.passRetained(answer).toOpaque()
    completion.callback = { answer, error in
      answer.map { Unmanaged<Answer>.fromOpaque($0).takeUnretainedValue().error = error?.pointee ?? EIO }
      return 1
    }
    completion.free = { $0.map { Unmanaged<Answer>.fromOpaque($0).release() } }
    guard start(completion) == 0 else { throw failure("the server refuses the export") }
    let handle = handle
    try wait(for: "the server refuses the export", patience: Self.patience, isCancelled: isCancelled) {
      nbd_aio_is_connecting(handle) == 0
    }
    return answer.error
  }

  private final class Answer { var error: CInt = 0 }

  /// Fills the buffer. Both ends must be aligned to `NBDExport.minimumRequest`.
  ///
  /// After an error, the handle must not be used again unless it is alive: the server's answer can still arrive.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64, isCancelled: () -> Bool
  ) throws(DiskError) {
    let cookie = nbd_aio_pread(handle, buffer.baseAddress, buffer.count, offset, nbd_completion_callback(), 0)
    try finish(cookie, "cannot read \(buffer.count) bytes at offset \(offset)", isCancelled)
  }

  /// What the server says about the start of a range, as far as it likes: pairs of a length in bytes and flags.
  func status(of range: Range<UInt64>, isCancelled: () -> Bool) throws(DiskError) -> [(length: UInt32, flags: UInt32)] {
    let found = Entries()
    var callback = nbd_extent_callback()
    callback.user_data = Unmanaged.passRetained(found).toOpaque()
    callback.callback = { found, context, _, entries, count, _ in
      guard let found, let entries, let context, strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0 else { return 0 }
      let list = Unmanaged<Entries>.fromOpaque(found).takeUnretainedValue()
      for index in stride(from: 0, to: min(count / 2, Entries.limit) * 2, by: 2) {
        list.pairs.append((entries[index], entries[index + 1]))
      }
      return 0
    }
    callback.free = { $0.map { Unmanaged<Entries>.fromOpaque($0).release() } }
    let cookie = nbd_aio_block_status(
      handle, range.upperBound &- range.lowerBound, range.lowerBound, callback, nbd_completion_callback(), 0)
    try finish(cookie, "cannot tell data from holes at offset \(range.lowerBound)", isCancelled)
    return found.pairs
  }

  private final class Entries {
    /// What is beyond this limit is asked for again.
    static let limit = 4096
    var pairs: [(length: UInt32, flags: UInt32)] = []
  }

  /// Waits for a command to complete.
  private func finish(_ cookie: Int64, _ tried: String, _ isCancelled: () -> Bool) throws(DiskError) {
    guard cookie >= 0 else { throw failure(tried) }
    let handle = handle
    var result: CInt = 0
    try wait(for: tried, patience: nil, isCancelled: isCancelled) {
      result = nbd_aio_command_completed(handle, UInt64(cookie))
      return result != 0
    }
    guard result == 1 else { throw failure(tried) }
  }

  /// - Parameters:
  ///   - tried: for the message.
  ///   - patience: in seconds, or nil to wait forever.
  private func wait(
    for tried: String, patience: Int?, isCancelled: () -> Bool, until isDone: () -> Bool
  ) throws(DiskError) {
    let deadline = patience.map { ContinuousClock.now + .seconds($0) }
    while !isDone() {
      guard !isCancelled() else { throw DiskError(address, "interrupted", ECANCELED) }
      if let deadline, ContinuousClock.now >= deadline {
        throw DiskError(address, "\(tried): the server does not answer", ETIMEDOUT)
      }
      if nbd_poll(handle, Self.step) < 0 {
        // When the connection ends, so does the command, whose own error can say more.
        if isDone() { return }
        throw failure(tried)
      }
    }
  }

  /// The error of this thread's last libnbd call, prefixed with what was tried.
  private func failure(_ tried: String) -> DiskError {
    let number = nbd_get_errno()
    // The message begins with the name of the function that failed.
    let said = nbd_get_error().map { printable(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? ""
    let reason = said.split(separator: ": ", maxSplits: 1).last.map(String.init) ?? explanation(number)
    return DiskError(address, "\(tried): \(reason)", number > 0 ? number : EIO)
  }
}

private func explanation(_ number: CInt) -> String { String(cString: strerror(number)) }

extension DiskError {
  init(_ address: NBDAddress, _ message: String, _ errno: CInt) {
    self.init(named: address.bytes, message, errno: errno)
  }
}
