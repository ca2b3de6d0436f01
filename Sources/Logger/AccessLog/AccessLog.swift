import Glibc
import Synchronization

/// A log of the requests of a disk's clients.
///
/// `record` only puts the request into a queue. One thread looks up the objects under it and writes the log. This
/// thread starts when the value is created, so create it where threads may be started; in nbdkit, that is after the
/// fork. Events are written in the order of `record` and none is dropped: when the log cannot keep up, `record` waits.
/// Requests are lost only when writing fails; they are counted, and the clients continue.
public final class AccessLog: Sendable {
  /// Why a log cannot be started.
  public struct StartError: Error, CustomStringConvertible, Sendable {
    /// The return value of `pthread_create`.
    public let errnoValue: Int32
    public var description: String { "cannot start the log's thread: \(String(cString: strerror(errnoValue)))" }
  }

  /// By default, `record` waits when this many requests are queued.
  public static let defaultCapacity = 16384

  private let queue: EventQueue
  private let thread: pthread_t
  private let connections = Atomic<UInt32>(0)

  /// Starts a log.
  ///
  /// The log is written to `target`, in `format`, with the names and parts of requests that `attribution` finds.
  /// `report` is called from the log's thread with one line: when writing fails for the first time, and at the end with
  /// the number of requests that were lost.
  package init(
    target: some LogTarget, attribution: Attribution, format: some LogFormat, capacity: Int = AccessLog.defaultCapacity,
    report: @escaping @Sendable (String) -> Void
  ) throws(StartError) {
    let queue = EventQueue(capacity: capacity)
    let work = Work(LogWriter(queue: queue, attribution: attribution, format: format, target: target, report: report))
    let argument = Unmanaged.passRetained(work)
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().writer.run()
        return nil
      }, argument.toOpaque())
    guard status == 0 else {
      argument.release()
      throw StartError(errnoValue: status)
    }
    self.queue = queue
    self.thread = thread
  }

  /// Returns the number of a connection that has just been opened, 1 for the first.
  public func countConnection() -> UInt32 { connections.wrappingAdd(1, ordering: .relaxed).newValue }

  /// Passes a request to the log, from any thread. Waits only if the log cannot keep up.
  public func record(_ event: AccessEvent) {
    _ = queue.put(event)
  }

  /// Writes what is left and ends the log's thread. Requests that are recorded later are not logged.
  public func close() {
    if queue.close() { pthread_join(thread, nil) }
  }

  /// Passes the writer to its thread.
  private final class Work {
    var writer: LogWriter

    init(_ writer: LogWriter) {
      self.writer = writer
    }
  }
}
