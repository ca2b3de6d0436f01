import SystemPackage

/// The layout of a sparse extent of any kind: where its directories and tables are, and what their entries mean. All
/// fields have been checked against the length of the file.
struct GrainLayout: Sendable {
  /// The format of directory and table entries.
  enum Entries: Sendable {
    /// 4-byte sector numbers; 0 means not allocated. With `zeroedGrains`, a table entry of 1 means a grain of zeros.
    case sectors(zeroedGrains: Bool)
    /// 8-byte entries of seSparse: a type, and an index. In a directory it is an index into the `tables` region, whose
    /// tables are `tableBytes` long; in a table it is an index of a grain, counted from the offset `grains` (in bytes).
    case tagged(tables: Range<UInt64>, tableBytes: UInt64, grains: UInt64)

    /// The size of an entry, in bytes.
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
    /// Each grain follows a marker that gives its sector and size.
    case marked
    /// The grains have no markers.
    case bare
  }

  /// The size of the extent, in bytes.
  let capacity: UInt64
  /// The grain size in bytes: a power of two, at least one sector.
  let grainBytes: UInt64
  let entriesPerTable: UInt64
  /// The offset in the file of each grain directory, in bytes, the preferred one first. There are one or two, and they
  /// lie within the file.
  var directories: [UInt64]
  let entries: Entries
  let compression: Compression
  /// Headers, descriptor and directories. No table or grain may overlap them.
  let fixedMetadata: FileRegions
  /// `fixedMetadata` and, if they could be listed, the tables. No grain may overlap them.
  var metadata: FileRegions

  /// The number of grains in the capacity.
  var grains: UInt64 { (capacity - 1) / grainBytes + 1 }

  /// The number of grain tables.
  var tables: UInt64 { (grains - 1) / entriesPerTable + 1 }

  /// The number of entries of a table that belong to grains. The last table may have fewer.
  func entries(inTable table: UInt64) -> UInt64 { min(entriesPerTable, grains &- table &* entriesPerTable) }

  /// What a directory entry says about a table.
  enum TableLocation: Equatable {
    /// None of its grains is allocated.
    case absent
    /// In bytes from the start of the file.
    case at(UInt64)
    case damaged
  }

  /// - Parameters:
  ///   - entry: an entry of a directory.
  ///   - count: the number of entries of the table that are used.
  func table(_ entry: UInt64, count: UInt64, in file: HostFile) -> TableLocation {
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

  /// What a table entry says about a grain.
  /// - Parameter bytes: how much of the grain is needed. The last grain may be stored only up to the end of the extent.
  func grain(_ entry: UInt64, bytes: UInt64, in file: HostFile) -> GrainState {
    switch entries {
    case .sectors(let zeroedGrains):
      if entry == 0 { return .unallocated }
      if entry == 1, zeroedGrains { return .zero }
      // The length of a compressed grain is not known yet, so only check its first byte.
      let bytes = compression == .none ? bytes : 1
      guard let range = sectorRange(entry, bytes: bytes, in: file), !metadata.overlap(range) else { return .damaged }
      return GrainState.stored(unit: entry) ?? .damaged
    case .tagged(_, _, let grains):
      switch entry >> 60 {
      case 0: return .unallocated
      // 1 is unmapped (the grain remains reserved), 2 is zeroed.
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

  /// The offset of a stored grain, in bytes from the start of the file.
  func offset(of state: GrainState) -> UInt64 {
    switch entries {
    case .sectors: state.unit &* VMDKLimits.sectorBytes
    case .tagged(_, _, let grains): grains &+ state.unit &* grainBytes
    }
  }

  /// How much `GrainState.unit` increases from one grain to the next, if they are contiguous in the file.
  var unitStep: UInt64 {
    switch entries {
    case .sectors: grainBytes / VMDKLimits.sectorBytes
    case .tagged: 1
    }
  }
}

/// The range of `bytes` bytes that starts at a sector; `nil` if it does not lie within the file.
func sectorRange(_ sector: UInt64, bytes: UInt64, in file: HostFile) -> Range<UInt64>? {
  let (start, tooFar) = sector.multipliedReportingOverflow(by: VMDKLimits.sectorBytes)
  guard !tooFar, start <= file.length, bytes <= file.length - start else { return nil }
  return start..<(start &+ bytes)
}
