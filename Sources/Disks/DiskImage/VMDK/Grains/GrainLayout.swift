import SystemPackage

/// How an extent of grains is laid out in its file, whatever its kind: where its directory and tables are and what
/// their entries mean. All of it has been checked against the file's length.
struct GrainLayout: Sendable {
  /// What the entries of directories and tables are.
  enum Entries: Sendable {
    /// Sectors of the file, 4 bytes each; 0 for nothing. With `zeroedGrains`, 1 in a table means a grain of zeros.
    case sectors(zeroedGrains: Bool)
    /// seSparse's: 8 bytes each, tags with an index into the `tables` region (of tables of `tableBytes` each), or into
    /// the grains that begin at `grains` (in bytes).
    case tagged(tables: Range<UInt64>, tableBytes: UInt64, grains: UInt64)

    /// Bytes of an entry.
    var width: Int {
      switch self {
      case .sectors: 4
      case .tagged: 8
      }
    }
  }

  /// How the grains are compressed.
  enum Compression: Equatable, Sendable {
    case none
    /// Each behind a marker that gives its sector and size.
    case marked
    /// Each by itself.
    case bare
  }

  /// The extent's size in bytes.
  let capacity: UInt64
  /// Bytes of a grain, a power of two, at least a sector.
  let grainBytes: UInt64
  let entriesPerTable: UInt64
  /// Where the grain directories begin in the file, in bytes, the one to trust first; one or two. All lie in the file.
  var directories: [UInt64]
  let entries: Entries
  let compression: Compression
  /// Headers, descriptor and directories: neither a table nor a grain may lie there.
  let fixedMetadata: FileRegions
  /// The tables as well, where they could be listed: no grain may lie there.
  var metadata: FileRegions

  /// How many grains the capacity takes.
  var grains: UInt64 { (capacity - 1) / grainBytes + 1 }

  /// How many grain tables the grains take.
  var tables: UInt64 { (grains - 1) / entriesPerTable + 1 }

  /// How many entries of a table belong to grains; the last one's may be fewer.
  func entries(inTable table: UInt64) -> UInt64 { min(entriesPerTable, grains &- table &* entriesPerTable) }

  /// What a directory's entry says of a table.
  enum TablePlace: Equatable {
    /// None of its grains is stored.
    case absent
    /// In bytes from the start of the file.
    case at(UInt64)
    case damaged
  }

  /// - Parameters:
  ///   - entry: of a directory.
  ///   - count: how many entries of the table are used.
  func table(_ entry: UInt64, count: UInt64, in file: HostFile) -> TablePlace {
    if entry == 0 { return .absent }
    switch entries {
    case .sectors:
      guard let range = sectorRange(entry, bytes: count &* 4, in: file), !fixedMetadata.overlap(range)
      else { return .damaged }
      return .at(range.lowerBound)
    case .tagged(let tables, let tableBytes, _):
      let (offset, tooFar) = (entry & 0xffff_ffff).multipliedReportingOverflow(by: tableBytes)
      guard entry >> 32 == 0x1000_0000, !tooFar, offset < tables.upperBound - tables.lowerBound,
        tableBytes <= tables.upperBound - tables.lowerBound - offset
      else { return .damaged }
      return .at(tables.lowerBound &+ offset)
    }
  }

  /// What a table's entry says of a grain.
  /// - Parameter bytes: how much of the grain is needed; the last may be stored only as far as the extent goes.
  func grain(_ entry: UInt64, bytes: UInt64, in file: HostFile) -> GrainState {
    switch entries {
    case .sectors(let zeroedGrains):
      if entry == 0 { return .unallocated }
      if entry == 1, zeroedGrains { return .zero }
      // A compressed grain's length is not known yet: no more than its first byte can be asked for.
      let bytes = compression == .none ? bytes : 1
      guard let range = sectorRange(entry, bytes: bytes, in: file), !metadata.overlap(range) else { return .damaged }
      return GrainState.stored(unit: entry) ?? .damaged
    case .tagged(_, _, let grains):
      switch entry >> 60 {
      case 0: return .unallocated
      // Unmapped, which keeps the grain that it was, and zeroed.
      case 1, 2: return .zero
      case 3:
        let index = (entry & 0x0fff_0000_0000_0000) >> 48 | (entry & 0x0000_ffff_ffff_ffff) << 12
        let (offset, tooFar) = index.multipliedReportingOverflow(by: grainBytes)
        guard !tooFar, offset <= file.length - grains, bytes <= file.length - grains - offset else { return .damaged }
        return GrainState.stored(unit: index) ?? .damaged
      default: return .damaged
      }
    }
  }

  /// Where a stored grain begins, in bytes from the start of the file.
  func place(_ state: GrainState) -> UInt64 {
    switch entries {
    case .sectors: state.unit &* VMDKLimits.sectorBytes
    case .tagged(_, _, let grains): grains &+ state.unit &* grainBytes
    }
  }

  /// By how much `GrainState.unit` grows from a grain to one that follows it in the file.
  var unitStep: UInt64 {
    switch entries {
    case .sectors: grainBytes / VMDKLimits.sectorBytes
    case .tagged: 1
    }
  }
}

/// The bytes from a sector on; nil where not all of them are in the file.
func sectorRange(_ sector: UInt64, bytes: UInt64, in file: HostFile) -> Range<UInt64>? {
  let (start, tooFar) = sector.multipliedReportingOverflow(by: VMDKLimits.sectorBytes)
  guard !tooFar, start <= file.length, bytes <= file.length - start else { return nil }
  return start..<(start &+ bytes)
}
