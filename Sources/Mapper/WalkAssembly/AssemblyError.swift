import WalkRecord

/// Why the records of a walk are incomplete, or cannot come from an honest walker.
package enum AssemblyError: Error, Equatable, CustomStringConvertible {
  case unknownObject(Record.ObjectID)
  case badName
  case badParent(Record.ObjectID)
  case tooDeep
  case tooManyNames(Int)
  case tooManyRanges(Int)
  case badRange(Record.ObjectID)
  case badInode
  case secondBeginning
  case notARecord
  case noEnd
  case silent(seconds: Int64)

  package var description: String {
    switch self {
    case .unknownObject(let id): "it refers to object \(id), which it has not declared"
    case .badName: "a name is empty, too long, or holds a slash or a NUL"
    case .badParent(let id): "object \(id) is inside something that is not a directory"
    case .tooDeep: "directories are nested more than \(WalkBounds.depth) levels deep"
    case .tooManyNames(let count): "more than \(count) names"
    case .tooManyRanges(let count): "more than \(count) ranges"
    case .badRange(let id): "a range of object \(id) does not fit on any disk or in any file"
    case .badInode: "there are more inodes than objects"
    case .secondBeginning: "it begins twice"
    case .notARecord: "it sent something that is not a record"
    case .noEnd: "it ended before it was complete"
    case .silent(let seconds): "nothing was read or reported for \(seconds) seconds"
    }
  }
}
