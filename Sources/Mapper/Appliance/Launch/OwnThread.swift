import Glibc

/// Runs a function that blocks for a long time on its own thread, not on one of the few threads that tasks share.
package func onOwnThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
  try await withCheckedThrowingContinuation { continuation in
    do {
      try startThread { continuation.resume(with: Result(catching: body)) }
    } catch {
      continuation.resume(throwing: error)
    }
  }
}

/// Starts a thread, or throws if there are none left. Dispatch would wait for one forever without reporting it.
package func startThread(_ body: @escaping @Sendable () -> Void) throws(MapperError) {
  let box = Unmanaged.passRetained(ThreadBody(body))
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  var thread = pthread_t()
  let result = pthread_create(
    &thread, &attributes,
    { argument in
      if let argument { Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run() }
      return nil
    }, box.toOpaque())
  guard result == 0 else {
    box.release()
    throw .noThread(result)
  }
}

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

extension MapperError {
  /// The error if a thread cannot be started.
  /// - Parameter errno: the result of pthread_create(3).
  package static func noThread(_ errno: Int32) -> MapperError {
    .missing(
      "no more threads can be started: \(String(cString: strerror(errno))) (ulimit -u, ulimit -v, or pids.max of the cgroup)"
    )
  }
}
