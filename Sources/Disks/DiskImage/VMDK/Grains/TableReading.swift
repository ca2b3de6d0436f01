import Glibc
import SystemPackage

/// A part of a grain table, decoded.
struct TablePiece {
  /// The grain that its first entry is of.
  let first: UInt64
  let states: UnsafeMutableBufferPointer<GrainState>
  /// Whether the first directory or its table could not be right and the redundant one was used.
  var usesCopy: Bool
}

/// How directories and tables are read, in pieces small enough to be read for one grain.
extension GrainExtent {
  /// Entries of a piece: 2 or 4 KiB of a table.
  static let pieceEntries: UInt64 = 512

  /// Reads the piece of a table that has a grain's entry.
  ///
  /// What cannot be right in the first directory or its table is taken from the redundant ones. What could not be read
  /// counts as damaged, but is not told to `body`: the next try may do better.
  /// - Parameter index: below `grains`.
  func loadPiece(of index: UInt64, _ body: (TablePiece) -> GrainState) -> GrainState {
    let table = index / layout.entriesPerTable
    let tableStart = table &* layout.entriesPerTable
    let start = (index &- tableStart) / GrainExtent.pieceEntries * GrainExtent.pieceEntries
    let first = tableStart &+ start
    // The extent may end before its capacity, within the last grain.
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
            // An absent table whose copy exists was lost with the directory's entry.
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
    /// Some of the states are damaged.
    case withDamage
    /// The directory says that there is no table; the states are unallocated.
    case absent
    /// The directory's entry cannot be right; the states are damaged.
    case damaged
    /// The system gave an error; the states are damaged.
    case unreadable
  }

  /// Decodes a part of a table as one directory has it, from the entry `start` of the table on.
  private func decode(
    _ table: UInt64, _ start: UInt64, directory: Int, into states: UnsafeMutableBufferPointer<GrainState>
  ) -> Outcome {
    do throws(DiskError) {
      let entry = try file.number(at: place(ofTable: table, directory: directory), width: layout.entries.width)
      switch layout.table(entry, count: layout.entries(inTable: table), in: file) {
      case .absent:
        states.update(repeating: .unallocated)
        return .absent
      case .damaged:
        states.update(repeating: .damaged)
        return .damaged
      case .at(let place):
        let width = UInt64(layout.entries.width)
        let first = table &* layout.entriesPerTable &+ start
        var hasDamage = false
        try file.withNumbers(at: place &+ start &* width, count: states.count, width: Int(width)) { offset, entry in
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

  /// Where a directory's entry for a table is in the file, in bytes.
  private func place(ofTable table: UInt64, directory: Int) -> UInt64 {
    layout.directories[directory] &+ table &* UInt64(layout.entries.width)
  }

  /// How many of `count` tables, from `table` on, do not exist.
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
            at: place(ofTable: table &+ absent, directory: directory), count: Int(asked), width: layout.entries.width
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

  /// Why a grain of the state `damaged` cannot be read.
  func damage(ofGrain index: UInt64) -> DiskError {
    let table = index / layout.entriesPerTable
    let range = range(ofGrain: index)
    let bytes = "the extent's bytes \(range.lowerBound)-\(range.upperBound &- 1)"
    let end = "the file has \(file.length) bytes: it was truncated or is damaged"
    do throws(DiskError) {
      let directoryEntry = place(ofTable: table, directory: 0)
      let entry = try file.number(at: directoryEntry, width: layout.entries.width)
      guard case .at(let place) = layout.table(entry, count: layout.entries(inTable: table), in: file) else {
        return DiskError(
          file.path,
          "the grain directory entry at offset \(directoryEntry), for \(bytes), is \(described(entry)), where no grain "
            + "table can be; \(end)", errno: EIO)
      }
      let tableEntry = place &+ (index &- table &* layout.entriesPerTable) &* UInt64(layout.entries.width)
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
