import Dispatch

/// Runs something that blocks for long on a thread of its own, not on one of the few that tasks share.
func onOwnThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue(label: "virt-bmap work").async { continuation.resume(with: Result(catching: body)) }
  }
}
