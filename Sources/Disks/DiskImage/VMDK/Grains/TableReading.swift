import Glibc
import SystemPackage

/// A decoded part of a grain table.
struct TablePiece {
  /// The grain of its first entry.
  let first: UInt64
  let states: UnsafeMutableBufferPointer<GrainState>
  /// Whether the first directory or its table was invalid, and the redundant one was used.
  var usesCopy: Bool
}

/// Reads directories and tables in pieces that are small enough to be read for a single grain.
extension GrainExtent {
  /// The number of entries in a piece, which is 2 or 4 KiB of a table.
  static let pieceEntries: UInt64 = 512

  /// Reads the piece of a table that contains the entry of a grain.
  ///
  /// Anything invalid in the first directory or its table is taken from the redundant ones. A piece that cannot be read
  /// counts as damaged, but `body` is not called: the next attempt may succeed.
  /// - Parameter index: less than `grains`.
  func loadPiece(of index: UInt64, _ body: (TablePiece) -> GrainState) -> GrainState {
    let table = index / layout.entriesPerTable
    let tableStart = table &* layout.entriesPerTable
    let start = (index &- tableStart) / GrainExtent.pieceEntries * GrainExtent.pieceEntries
    let first = tableStart &+ start
    // The extent may end before the capacity does, within the last grain.
    let count = Int(
      min(GrainExtent.pieceEntries, min(layout.entries(inTable: table) &- start, grains &- first)))
    return withUnsafeTemporaryAllocation(of: GrainState.self, capacity: 2 * count) { room in
      let states = UnsafeMutableBufferPointer(rebasing: room[..<count])
      let others = UnsafeMutableBufferPointer(rebasing: room[count...])
      var piece = TablePiece(first: first, states: states, usesCopy: false)
      let outcome = decode(table, start, directory: 0, into: states)
      if layout.directories.count > 1, outcome != .good {
        switch decode(table, start, directory: 1, into: others) {
        case .good, .absent, .withDamage:
          if outcome == .withDamage {
            for offset in states.indices where states[offset] == .damaged && others[offset] != .damaged {
              states[offset] = others[offset]
              piece.usesCopy = true
            }
          } else {
            // If a table is absent but its copy exists, the directory entry was lost.
            for offset in states.indices {
              piece.usesCopy = piece.usesCopy || states[offset] != others[offset]
              states[offset] = others[offset]
            }
          }
          return body(piece)
        case .unreadable where outcome == .unreadable, .damaged where outcome == .unreadable: return .damaged
        case .unreadable, .damaged: return body(piece)
        }
      }
      return outcome == .unreadable ? .damaged : body(piece)
    }
  }

  private enum Outcome {
    case good
    /// Some of the grains are damaged.
    case withDamage
    /// There is no table according to the directory. All grains are unallocated.
    case absent
    /// The directory entry is invalid. All grains are damaged.
    case damaged
    /// The read failed. All grains are damaged.
    case unreadable
  }

  /// Decodes part of a table, as found through one directory, starting from the entry `start` of the table.
  private func decode(
    _ table: UInt64, _ start: UInt64, directory: Int, into states: UnsafeMutableBufferPointer<GrainState>
  ) -> Outcome {
    do throws(DiskError) {
      let entry = try file.number(at: entryOffset(ofTable: table, directory: directory), width: layout.entries.width)
      switch layout.table(entry, count: layout.entries(inTable: table), in: file) {
      case .absent:
        states.update(repeating: .unallocated)
        return .absent
      case .damaged:
        states.update(repeating: .damaged)
        return .damaged
      case .at(let tableOffset):
        let width = UInt64(layout.entries.width)
        let first = table &* layout.entriesPerTable &+ start
        var hasDamage = false
        try file.withNumbers(at: tableOffset &+ start &* width, count: states.count, width: Int(width)) {
          offset, entry in
          let range = range(ofGrain: first &+ UInt64(offset))
          let state = layout.grain(entry, bytes: range.upperBound &- range.lowerBound, in: file)
          hasDamage = hasDamage || state == .damaged
          states[offset] = state
        }
        return hasDamage ? .withDamage : .good
      }
    } catch {
      states.update(repeating: .damaged)
      return .unreadable
    }
  }

  /// The offset in the file of the directory entry of a table, in bytes.
  private func entryOffset(ofTable table: UInt64, directory: Int) -> UInt64 {
    layout.directories[directory] &+ table &* UInt64(layout.entries.width)
  }

  /// How many tables in a row, starting at `table` and at most `count`, do not exist.
  func absentTables(from table: UInt64, count: UInt64) -> UInt64 {
    var absent: UInt64 = 0
    var step: UInt64 = 16
    while absent < count {
      let asked = min(step, count &- absent)
      var found: UInt64 = 0
      for directory in layout.directories.indices {
        var first = asked
        do throws(DiskError) {
          try file.withNumbers(
            at: entryOffset(ofTable: table &+ absent, directory: directory), count: Int(asked),
            width: layout.entries.width
          ) { offset, entry in
            if entry != 0, UInt64(offset) < first { first = UInt64(offset) }
          }
        } catch {
          first = 0
        }
        found = directory == 0 ? first : min(found, first)
      }
      absent &+= found
      if found < asked { break }
      step = min(step * 2, 4096)
    }
    return absent
  }

  /// Why a grain whose state is `damaged` cannot be read.
  func damage(ofGrain index: UInt64) -> DiskError {
    let table = index / layout.entriesPerTable
    let range = range(ofGrain: index)
    let bytes = "the extent's bytes \(range.lowerBound)-\(range.upperBound &- 1)"
    let end = "the file has \(file.length) bytes: it was truncated or is damaged"
    do throws(DiskError) {
      let directoryEntry = entryOffset(ofTable: table, directory: 0)
      let entry = try file.number(at: directoryEntry, width: layout.entries.width)
      guard case .at(let tableOffset) = layout.table(entry, count: layout.entries(inTable: table), in: file) else {
        return DiskError(
          file.path,
          "the grain directory entry at offset \(directoryEntry), for \(bytes), is \(described(entry)), where no grain "
            + "table can be; \(end)", errno: EIO)
      }
      let tableEntry = tableOffset &+ (index &- table &* layout.entriesPerTable) &* UInt64(layout.entries.width)
      let grain = try file.number(at: tableEntry, width: layout.entries.width)
      return DiskError(
        file.path,
        "the grain table entry at offset \(tableEntry), for \(bytes), is \(described(grain)), where no grain can be; "
          + end, errno: EIO)
    } catch {
      return error
    }
  }

  private func described(_ entry: UInt64) -> String {
    switch layout.entries {
    case .sectors: "sector \(entry)"
    case .tagged: "0x\(String(entry, radix: 16))"
    }
  }
}
