import Glibc
import SystemPackage

/// An extent of fixed-size grains, located through a grain directory and grain tables.
///
/// The tables are not loaded into memory. Entries that have been read are kept in the `GrainEntryCache` of the disk.
final class GrainExtent: Sendable {
  let file: HostFile
  let layout: GrainLayout
  /// The size of the extent in bytes. It is at most the capacity in `layout`, and smaller by less than one grain.
  let size: UInt64
  /// The number that the first grain of this extent has in the cache.
  let firstGrain: UInt64
  private let cache: GrainEntryCache
  private let grainShift: UInt64

  init(file: HostFile, layout: GrainLayout, size: UInt64, cache: GrainEntryCache, firstGrain: UInt64) {
    self.file = file
    self.layout = layout
    self.size = size
    self.cache = cache
    self.firstGrain = firstGrain
    grainShift = UInt64(layout.grainBytes.trailingZeroBitCount)
  }

  /// The number of grains in the extent.
  var grains: UInt64 { (size - 1) >> grainShift &+ 1 }

  /// The range of the extent that a grain covers, in bytes. The last grain may be shorter than the others.
  func range(ofGrain index: UInt64) -> Range<UInt64> {
    let start = index << grainShift
    return start..<min(start &+ layout.grainBytes, size)
  }

  // MARK: Runs

  /// The longest run, starting at `position` and ending at most at `end`, that is in one state and, if it is stored,
  /// contiguous in the file.
  ///
  /// - Parameters: in bytes; `position` is less than `end`, and `end` is at most `size`.
  func run(at position: UInt64, upTo end: UInt64) -> ExtentRun {
    let index = position >> grainShift
    let last = (end - 1) >> grainShift
    let state = state(ofGrain: index)
    let inGrain = position & (layout.grainBytes - 1)
    var next = index + 1
    let content: ExtentRun.Content
    switch state.kind {
    case .stored where layout.compression != .none:
      content = .compressed(self, grain: index, skipping: inGrain)
    case .stored:
      content = .stored(file, at: layout.offset(of: state) &+ inGrain)
      let step = layout.unitStep
      var unit = state.unit &+ step
      while next <= last, let following = GrainState.stored(unit: unit), self.state(ofGrain: next) == following {
        next += 1
        unit &+= step
      }
    case .zero:
      content = .zero
      while next <= last, self.state(ofGrain: next) == .zero { next += 1 }
    case .unallocated:
      content = .unallocated
      next = endOfUnallocated(from: next, last: last)
    case .damaged:
      content = .damaged(self, grain: index)
    }
    return ExtentRun(content: content, end: min(next << grainShift, end))
  }

  /// The first grain at or after `start` that is not unallocated, or `last + 1` if there is none up to `last`.
  private func endOfUnallocated(from start: UInt64, last: UInt64) -> UInt64 {
    var next = start
    var tableStart = (start + layout.entriesPerTable - 1) / layout.entriesPerTable * layout.entriesPerTable
    while next <= last {
      if next == tableStart {
        // On a large disk, most of the tables may not exist. The directory shows this for many tables at once.
        let table = next / layout.entriesPerTable
        let wholeTables = max(table, (last + 1) / layout.entriesPerTable) - table
        let absent = absentTables(from: table, count: wholeTables)
        if absent > 0 {
          next += absent * layout.entriesPerTable
          tableStart = next
          continue
        }
        tableStart += layout.entriesPerTable
      }
      guard state(ofGrain: next) == .unallocated else { break }
      next += 1
    }
    return min(next, last + 1)
  }

  /// - Parameter index: less than `grains`.
  func state(ofGrain index: UInt64) -> GrainState {
    if let cached = cache.state(firstGrain &+ index) { return cached }
    return loadPiece(of: index) { piece in
      for (offset, state) in piece.states.enumerated() {
        cache.store(state, for: firstGrain &+ piece.first &+ UInt64(offset))
      }
      return piece.states[Int(index &- piece.first)]
    }
  }
}
