import BlockMap
import BootDifference

/// The difference of two boots as JSON, which is part of the program's interface. Sizes are in bytes.
struct BootDiffDocument: Encodable {
  struct Boot: Encodable {
    var bytes: UInt64
    var requests: UInt64

    init(_ reads: BootReads) { (bytes, requests) = (reads.bytes, reads.requests) }
  }

  struct Object: Encodable {
    var change: String
    /// These are nil for what no object of the map covers.
    var kind: String?
    var device: String?
    var path: String?
    var before: UInt64
    var after: UInt64
  }

  struct Directory: Encodable {
    var device: String
    var path: String
    var before: UInt64
    var after: UInt64
  }

  var before: Boot
  var after: Boot
  /// Nil if the first boot read nothing.
  var share: Double?
  var budget: UInt64?
  var overBudget: Bool?
  var objects: [Object]
  var directories: [Directory]

  enum CodingKeys: String, CodingKey {
    case before, after, share, budget, objects, directories
    case overBudget = "over_budget"
  }

  init(_ difference: BootDifference, budget: UInt64?) {
    (before, after) = (Boot(difference.before), Boot(difference.after))
    share = difference.share
    self.budget = budget
    overBudget = budget.map { difference.after.bytes > $0 }
    objects = difference.entries.map { entry in
      Object(
        change: entry.change.rawValue, kind: entry.object.map { String(Unicode.Scalar($0.kind.rawValue)) },
        device: entry.object.map { Escaping.text($0.device, as: .device) },
        path: entry.object?.path.map { Escaping.text($0, as: .path) }, before: entry.before, after: entry.after)
    }
    directories = difference.directories.map { directory in
      Directory(
        device: Escaping.text(directory.name.device, as: .device), path: Escaping.text(directory.name.path, as: .path),
        before: directory.before, after: directory.after)
    }
  }
}
