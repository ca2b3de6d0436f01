/// What happened to a byte between two states of a disk. Each changed byte has one category.
package enum ChangeCategory: Int, CaseIterable, Sendable {
  /// It belongs to a file that did not exist.
  case created
  /// It belonged to a file that no longer exists, and is free now.
  case deleted
  /// It belongs to the same part of the same file as before, and has another value.
  case rewritten
  /// It was written again with the same value, and means the same as before.
  case same
  /// It belongs to a part that the file did not have.
  case grown
  /// It belonged to a file that is shorter now, and is free.
  case truncated
  /// It belongs to a part of a file that was elsewhere on the disk or had another path.
  case moved
  /// It belongs to a directory.
  case directory
  /// It belongs to metadata, boot code, a partition table or parity.
  case metadata
  /// It belongs to swap space.
  case swap
  /// It is free, and was written.
  case freed
  /// It is free and zero, and was not zero.
  case trimmed
  /// It is allocated to a file, but is not part of its content.
  case preallocated
  /// The map of the new state does not say what it is.
  case unaccounted

  /// The name in answers.
  package var name: String {
    switch self {
    case .created: "created"
    case .deleted: "deleted"
    case .rewritten: "rewritten"
    case .same: "same"
    case .grown: "grown"
    case .truncated: "truncated"
    case .moved: "moved"
    case .directory: "directory"
    case .metadata: "metadata"
    case .swap: "swap"
    case .freed: "freed"
    case .trimmed: "trimmed"
    case .preallocated: "preallocated"
    case .unaccounted: "unaccounted"
    }
  }
}

/// How many bytes have which category.
package struct ChangeTotals: Equatable, Sendable {
  private var bytes = [UInt64](repeating: 0, count: ChangeCategory.allCases.count)

  package init() {}

  package subscript(category: ChangeCategory) -> UInt64 {
    get { bytes[category.rawValue] }
    set { bytes[category.rawValue] = newValue }
  }

  /// All bytes. They are bytes of one disk, so the sum does not overflow.
  package var sum: UInt64 { bytes.reduce(0, &+) }

  package static func += (totals: inout ChangeTotals, other: ChangeTotals) {
    for category in ChangeCategory.allCases { totals[category] &+= other[category] }
  }
}
