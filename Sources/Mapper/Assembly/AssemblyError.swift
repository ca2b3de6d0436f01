import WalkRecord

/// A stream of records that no walker sends.
enum AssemblyError: Error, CustomStringConvertible {
  case unknownObject(Record.ObjectID)
  case notWalking

  var description: String {
    switch self {
    case .unknownObject(let id): "the walker speaks of object \(id), which it has not declared"
    case .notWalking: "records arrive while no filesystem is walked"
    }
  }
}
