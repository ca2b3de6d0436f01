/// Receives the mapper's messages. The methods are called from several threads.
public protocol Reporter: Sendable {
  /// Reports the current step to a user who is watching.
  func message(_ text: String)
  /// Reports something in the guest that could not be mapped. The run continues.
  func warning(_ text: String)
  /// Reports a detail that only `-v` shows.
  func detail(_ text: String)
  /// Reports a slow operation to a user who is watching. The next message replaces it.
  func activity(_ text: String)
  /// Reports the progress of the walk of the current filesystem, from 0 to 1, or nil when it is over.
  func progress(_ fraction: Double?)
}
