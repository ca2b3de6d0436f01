import Glibc
import SystemPackage

/// A hosted sparse extent: grains of a fixed size, found through a grain directory and grain tables.
///
/// See VMware's technical note "Virtual Disk Format 5.0", section "Hosted Sparse Extents". The tables stay in the file;
/// of the entries that were read, those that are in the disk's `GrainEntryCache` cost nothing.
struct SparseDisk: VirtualDisk {
  private let file: HostFile
  private let header: SparseHeader
  let size: UInt64
  private let cache: GrainEntryCache
  /// The number of this extent's first grain in the cache.
  private let firstGrain: UInt64

  /// - Parameters:
  ///   - size: the extent's, at most the header's capacity and less only by a part of a grain.
  ///   - cache: of the whole disk.
  ///   - firstGrain: how many grains the disk's extents before this one have.
  init(file: HostFile, header: SparseHeader, size: UInt64, cache: GrainEntryCache, firstGrain: UInt64) {
    self.file = file
    self.header = header
    self.size = size
    self.cache = cache
    self.firstGrain = firstGrain
  }

  /// What a grain table says of a grain.
  private enum Grain: Equatable {
    case hole
    case zero
    /// Stored in the file at this offset in bytes.
    case stored(UInt64)
  }

  // MARK: Reading

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    let end = try checkedRange(at: offset, count: buffer.count, path: file.path).upperBound
    var position = offset
    while position < end {
      let run = try run(from: position, to: end)
      let start = Int(position &- offset)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<(start + Int(run.end &- position))])
      switch run.state {
      case .hole, .zero: fillWithZeros(part)
      case .stored(let place): try file.read(into: part, at: place)
      }
      position = run.end
    }
  }

  /// The longest run from `position`, up to `end`, that is all zeros or lies in one piece in the file.
  private func run(from position: UInt64, to end: UInt64) throws(DiskError) -> (state: Grain, end: UInt64) {
    var index = position / header.grainBytes
    var state = try grain(index)
    var next = (index &+ 1) &* header.grainBytes
    let stored: UInt64?
    if case .stored(let place) = state {
      stored = place
      state = .stored(place &+ position % header.grainBytes)
    } else {
      stored = nil
    }
    let first = index
    while next < end {
      index &+= 1
      let following = try grain(index)
      if let stored {
        guard following == .stored(stored &+ (index &- first) &* header.grainBytes) else { break }
      } else if case .stored = following {
        break
      }
      next &+= header.grainBytes
    }
    return (state, min(next, end))
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range, path: file.path)
    var joiner = ExtentJoiner()
    var position = range.lowerBound
    while position < range.upperBound {
      let index = position / header.grainBytes
      let end = min((index &+ 1) &* header.grainBytes, range.upperBound)
      guard try joiner.add(position..<end, state(ofGrain: index), to: body) else { return }
      position = end
    }
    try joiner.finish(body)
  }

  private func state(ofGrain index: UInt64) -> DiskExtent.State {
    switch try? grain(index) {
    case .hole: .hole
    case .zero: .zero
    // What is damaged must not be taken for zeros. Reading it says what is wrong.
    case .stored, nil: .data
    }
  }

  func close() { file.close() }

  // MARK: Grain tables

  /// - Parameter index: below the number of the extent's grains.
  /// - Throws: `DiskError` with `EIO` where the tables cannot be right.
  private func grain(_ index: UInt64) throws(DiskError) -> Grain {
    let entry: UInt32
    if let cached = cache.entry(firstGrain &+ index) {
      entry = cached
    } else {
      let entries = try loadTable(of: index)
      entry = entries[Int(index % header.entriesPerTable)]
    }
    if entry == 0 { return .hole }
    if entry == 1 {
      if header.hasZeroedGrains { return .zero }
      throw damaged(index, "points into the header")
    }
    // The last grain may be stored only as far as the extent goes.
    let start = index &* header.grainBytes
    let needed = min(header.grainBytes, size &- start)
    guard let place = SparseHeader.range(sector: UInt64(entry), bytes: needed, in: file) else {
      throw damaged(index, "points to sector \(entry)")
    }
    return .stored(place.lowerBound)
  }

  private func damaged(_ index: UInt64, _ what: String) -> DiskError {
    let entry = "the grain table entry of the extent's bytes from \(index &* header.grainBytes) on"
    return DiskError(
      file.path, "\(entry) \(what), but the file has \(file.length) bytes: it was truncated or is damaged", errno: EIO)
  }

  /// Reads the table that has a grain's entry, and puts it into the cache.
  private func loadTable(of index: UInt64) throws(DiskError) -> [UInt32] {
    let table = index / header.entriesPerTable
    let count = entries(inTable: table)
    let entries: [UInt32]
    if let place = try self.place(ofTable: table) {
      entries = try file.littleEndianWords(at: place, count: count)
    } else {
      entries = [UInt32](repeating: 0, count: count)
    }
    let first = firstGrain &+ table &* header.entriesPerTable
    for (offset, entry) in entries.enumerated() { cache.store(entry, for: first &+ UInt64(offset)) }
    return entries
  }

  /// How many entries of a table belong to grains; the last one's may be fewer.
  private func entries(inTable table: UInt64) -> Int {
    let grains = (size - 1) / header.grainBytes + 1
    return Int(min(header.entriesPerTable, grains &- table &* header.entriesPerTable))
  }

  /// Where a table lies in the file; nil where none of its grains is stored. The redundant directory is asked where the
  /// first one's answer is outside the file.
  private func place(ofTable table: UInt64) throws(DiskError) -> UInt64? {
    for directory in header.directories {
      let sector = try file.littleEndianWords(at: directory &+ table &* 4, count: 1)[0]
      if sector == 0 { return nil }
      if let place = self.place(ofTable: table, atSector: sector) { return place }
    }
    let entry = header.directories[0] &+ table &* 4
    throw DiskError(
      file.path,
      "the grain directory entry at offset \(entry) points outside the file, which has \(file.length) bytes: "
        + "it was truncated or is damaged", errno: EIO)
  }

  private func place(ofTable table: UInt64, atSector sector: UInt32) -> UInt64? {
    SparseHeader.range(sector: UInt64(sector), bytes: UInt64(entries(inTable: table)) * 4, in: file)?.lowerBound
  }

  // MARK: Checking

  /// Checks that every grain table lies in the file and, as far as the budget goes, every grain.
  /// - Returns: what is odd but does no harm.
  /// - Throws: `DiskError` with `EIO` for the first grain or table that is not in the file.
  func checkTables(budget: inout VMDKOpenBudget) throws(DiskError) -> [String] {
    var usesCopy = false
    let tables = (size - 1) / header.grainBytes / header.entriesPerTable + 1
    var table: UInt64 = 0
    while table < tables {
      let count = min(tables - table, 4096)
      let sectors = try file.littleEndianWords(at: header.directories[0] &+ table &* 4, count: Int(count))
      for (offset, sector) in sectors.enumerated() where sector != 0 {
        let number = table &+ UInt64(offset)
        if place(ofTable: number, atSector: sector) == nil {
          _ = try place(ofTable: number)
          usesCopy = true
        }
        try checkGrains(ofTable: number, budget: &budget)
      }
      table += count
    }
    return usesCopy
      ? ["\(printable(file.path)): the grain directory is damaged; its copy is used where it points outside the file"]
      : []
  }

  private func checkGrains(ofTable table: UInt64, budget: inout VMDKOpenBudget) throws(DiskError) {
    let count = entries(inTable: table)
    guard budget.checkedTableBytes >= UInt64(count) * 4 else { return }
    budget.checkedTableBytes -= UInt64(count) * 4
    let first = table &* header.entriesPerTable
    _ = try loadTable(of: first)
    for offset in 0..<UInt64(count) { _ = try grain(first &+ offset) }
  }
}
