import Glibc
import SystemPackage

/// Lists the ranges of the grain tables of an extent, if its directories are small enough to do this in memory. Tables
/// must not overlap each other, and no grain may overlap a table.
extension GrainLayout {
  /// Adds the tables to `metadata` (which already contains those of an seSparse extent). Drops a directory that cannot
  /// be read, or whose tables overlap, if the other one is good.
  /// - Parameter budget: how many bytes of directories may be read, and how many table ranges remembered; reduced by
  ///   what is used. What exceeds it is not checked.
  /// - Returns: warnings.
  /// - Throws: `DiskError`, with `EIO` if tables overlap.
  mutating func listTables(of file: HostFile, budget: inout VMDKOpenBudget) throws(DiskError) -> [String] {
    let bytes = tables &* UInt64(entries.width) &* UInt64(directories.count)
    guard bytes <= budget.listedBytes else { return [] }
    budget.listedBytes -= bytes
    var good: [UInt64] = []
    var found: [Range<UInt64>] = []
    var failure: DiskError?
    for directory in directories {
      do throws(DiskError) {
        guard let ranges = try tableRanges(directory, of: file, atMost: budget.tableRanges) else { return [] }
        found += ranges
        good.append(directory)
      } catch {
        failure = failure ?? error
      }
    }
    guard !good.isEmpty || failure == nil else { throw failure ?? DiskError(file.path, "is damaged", errno: EIO) }
    if case .sectors = entries { metadata = FileRegions(found + metadata.all) }
    budget.tableRanges -= min(budget.tableRanges, metadata.all.count)
    guard let failure else { return [] }
    directories = good
    return ["\(failure); the redundant grain directory is used instead"]
  }

  /// The ranges of the tables of one directory, with adjacent ones merged.
  /// - Returns: `nil` if there are more than `limit`.
  /// - Throws: `DiskError` if two tables overlap, or if the directory cannot be read.
  private func tableRanges(
    _ directory: UInt64, of file: HostFile, atMost limit: Int
  ) throws(DiskError) -> [Range<UInt64>]? {
    let width = UInt64(entries.width)
    var ranges: [Range<UInt64>] = []
    var table: UInt64 = 0
    while table < tables {
      let count = min(tables - table, 4096)
      try file.withNumbers(at: directory &+ table &* width, count: Int(count), width: Int(width)) { offset, entry in
        let used = entries(inTable: table &+ UInt64(offset))
        guard case .at(let start) = self.table(entry, count: used, in: file), ranges.count <= limit else { return }
        let range = start..<(start &+ used &* width)
        if let last = ranges.last, last.upperBound == range.lowerBound {
          ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
        } else {
          ranges.append(range)
        }
      }
      guard ranges.count <= limit else { return nil }
      table += count
    }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    for (range, next) in zip(ranges, ranges.dropFirst()) where next.lowerBound < range.upperBound {
      throw DiskError(
        file.path,
        "two entries of the grain directory at offset \(directory) point to grain tables that overlap, at byte "
          + "\(next.lowerBound): the file is damaged", errno: EIO)
    }
    return ranges
  }
}
