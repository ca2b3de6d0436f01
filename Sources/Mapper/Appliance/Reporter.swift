/// Where the mapper's messages go. Called from several threads.
public protocol Reporter: Sendable {
  /// What is being done, for someone who watches.
  func message(_ text: String)
  /// Something in the guest that could not be mapped; the run goes on.
  func warning(_ text: String)
  /// Something that only `-v` shows.
  func detail(_ text: String)
  /// What takes its time now, for someone who watches; gone with the next message.
  func activity(_ text: String)
  /// How far the walk of the present filesystem is, from 0 to 1; nil when it is over.
  func progress(_ fraction: Double?)
}
