import BlockMap

/// What changed between two states of a disk.
package struct ChangeReport {
  /// A file, or a directory with all that is below it.
  package struct Entry {
    package var device: [UInt8]
    package var path: [UInt8]
    package var totals: ChangeTotals

    /// How many bytes are not the same as before.
    package var changed: UInt64 { totals.sum - totals[.same] }
  }

  package var totals = ChangeTotals()
  /// How many changed bytes belong to metadata of which name, the most first.
  package internal(set) var metadata: [(name: [UInt8], bytes: UInt64)] = []
  /// Files with changed bytes, those with the most first.
  package internal(set) var files: [Entry] = []
  /// Directories with changed bytes in them, those with the most first.
  package internal(set) var directories: [Entry] = []
  /// Files that no longer exist, even if their bytes have not changed.
  package internal(set) var deleted: [(device: [UInt8], path: [UInt8])] = []
  /// Files that have a new name.
  package internal(set) var renamed: [(device: [UInt8], old: [UInt8], new: [UInt8])] = []
  /// Files that have another name besides their old one.
  package internal(set) var linked: [(device: [UInt8], old: [UInt8], new: [UInt8])] = []
}
