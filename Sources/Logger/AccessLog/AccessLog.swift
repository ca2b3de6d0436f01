import Glibc
import Synchronization

/// A log of what a disk's clients ask for.
///
/// `record` only puts the request into a queue: looking up what lies under it, and writing, are the work of one
/// thread, which begins when the value is made. So make it where threads may be started, which in nbdkit is
/// after the fork. Events are written in the order of `record`, none is dropped: when the log cannot keep up,
/// `record` waits. Only when writing fails are requests lost; they are counted, and the clients go on.
public final class AccessLog: Sendable {
  /// Why a log cannot begin.
  public struct StartError: Error, CustomStringConvertible, Sendable {
    /// What `pthread_create` returned.
    public let errnoValue: Int32
    public var description: String { "cannot start the log's thread: \(String(cString: strerror(errnoValue)))" }
  }

  /// How many requests wait, unless said otherwise, before `record` does.
  public static let defaultCapacity = 16384

  private let queue: EventQueue
  private let thread: pthread_t
  private let connections = Atomic<UInt32>(0)

  /// Begins a log.
  ///
  /// `target` is written, in `form`. `report` is called from the log's thread with one line when writing fails for
  /// the first time, and at the end with how many requests were lost.
  public init(
    target: some LogTarget, form: some LogForm, capacity: Int = AccessLog.defaultCapacity,
    report: @escaping @Sendable (String) -> Void
  ) throws(StartError) {
    let queue = EventQueue(capacity: capacity)
    let work = Work(LogWriter(queue: queue, form: form, target: target, report: report))
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

  /// The number of a connection that has just been opened: 1 for the first.
  public func countConnection() -> UInt32 { connections.wrappingAdd(1, ordering: .relaxed).newValue }

  /// Hands a request to the log. From any thread; waits only when the log cannot keep up.
  public func record(_ event: AccessEvent) {
    _ = queue.put(event)
  }

  /// Writes what is left and ends the log's thread. What is recorded later is not logged.
  public func close() {
    if queue.close() { pthread_join(thread, nil) }
  }

  /// Carries the writer into its thread.
  private final class Work {
    var writer: LogWriter

    init(_ writer: LogWriter) {
      self.writer = writer
    }
  }
}
