/// How the walker locates files, and its form as an argument of the walker.
public enum WalkMethod: Equatable, Sendable {
  /// By reading every file.
  case read
  /// By asking the filesystem. `proof` is the number of files also read to prove the answers; nil for all.
  case extents(proof: Int?)

  private static let readArgument = "read"
  private static let allArgument = "all"

  /// Nil if this is not an `argument`.
  public init?(argument: String) {
    switch argument {
    case Self.readArgument: self = .read
    case Self.allArgument: self = .extents(proof: nil)
    default:
      guard let count = Int(argument), count >= 0 else { return nil }
      self = .extents(proof: count)
    }
  }

  /// The walker's argument.
  public var argument: String {
    switch self {
    case .read: Self.readArgument
    case .extents(let proof): proof.map(String.init) ?? Self.allArgument
    }
  }
}
