/// How a file's place is found.
enum Method: Equatable {
  /// By reading it.
  case read
  /// By asking the filesystem, and reading as many files as `proof` says; nil: all.
  case extents(proof: Int?)

  init?(_ argument: String) {
    switch argument {
    case "read": self = .read
    case "all": self = .extents(proof: nil)
    default:
      guard let count = Int(argument), count >= 0 else { return nil }
      self = .extents(proof: count)
    }
  }
}
