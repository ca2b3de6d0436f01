/// Receives what a running guest does. All methods are called from the thread that runs the guest.
package protocol GuestObserver: AnyObject {
  /// Receives a part of the log, as JSON; it can end anywhere.
  func log(_ bytes: UnsafeRawBufferPointer)
  /// Receives what the guest wrote to its console.
  func console(_ bytes: UnsafeRawBufferPointer)
  /// Receives a line of the console, as `ConsoleText` makes it.
  /// - Parameter isFinished: whether the guest has ended it. Otherwise it may be called again with more of it.
  func consoleLine(_ line: [UInt8], isFinished: Bool)
  /// The guest was asked to shut down.
  func isShuttingDown()
}
