/// How the walker finds out where files are, and how that is written as its argument.
public enum WalkMethod: Equatable, Sendable {
  /// By reading every file.
  case read
  /// By asking the filesystem. `proof` says how many files are read as well to prove the answers; nil: all.
  case extents(proof: Int?)

  private static let readArgument = "read"
  private static let allArgument = "all"

  /// Nil for what no `argument` is.
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
