import NTFSRecords

/// A file's extents, from the file table.
extension FileTable {
  /// The page size of a device's cache: reads are rounded up to it.
  private static let page: UInt64 = 4096
  /// A compressed file in more pieces is read instead: each piece takes about 80 bytes of memory.
  private static let maximumEncodedPieces = 1 << 18

  /// All of a file's pieces.
  /// - Parameter number: of the file's first record, which ntfs-3g uses as the inode number.
  /// - Parameter size: of the file, in bytes, as ntfs-3g reports it; nil to take the table's.
  /// - Returns: nil if the table does not describe all of the file, or gives another size.
  mutating func pieces(of number: UInt64, size: UInt64? = nil) -> [FileLayout.Piece]? {
    switch FileData.find(of: number, in: &self) {
    case nil: nil
    case .resident(let record, let parts):
      UInt64(parts.reduce(0) { $0 + $1.length }) == size ?? UInt64(parts.reduce(0) { $0 + $1.length })
        ? parts.flatMap { resident($0, record) } : nil
    case .runs(let runs, let stored, let initialized):
      stored == size ?? stored ? pieces(runs, size: stored, initialized) : nil
    case .compressed(let runs, let stored, let initialized, let unit):
      stored == size ?? stored ? pieces(runs, size: stored, initialized, unit: unit) : nil
    case .encrypted(let runs, let stored, let initialized):
      stored == size ?? stored ? encrypted(runs, size: stored, initialized) : nil
    }
  }

  /// The pieces of an encrypted or compressed file; nil for other files.
  ///
  /// Reading such a file does not show where it is. ntfs-3g does not read encrypted files. It reads compressed ones
  /// in whole pages, which contain other data too if clusters are smaller.
  mutating func encodedPieces(of number: UInt64, size: UInt64) -> [FileLayout.Piece]? {
    switch FileData.find(of: number, in: &self) {
    case .encrypted(let runs, size, let initialized): encrypted(runs, size: size, initialized)
    case .compressed(let runs, size, let initialized, let unit): pieces(runs, size: size, initialized, unit: unit)
    case nil, .resident, .runs, .encrypted, .compressed: nil
    }
  }

  /// A directory's entries that are not in its record.
  /// - Returns: nil if the table does not describe them.
  mutating func directoryPieces(of number: UInt64) -> [FileLayout.Piece]? {
    DirectoryIndex.runs(of: number, in: &self)?.compactMap { run in
      run.cluster.map {
        FileLayout.Piece(
          offset: run.start * clusterSize, length: run.count * clusterSize, layout: .exact, physical: $0 * clusterSize)
      }
    }
  }

  /// The bytes of a file that is stored in its record; empty for other files.
  mutating func residentPieces(of number: UInt64) -> [FileLayout.Piece] {
    guard case .resident(let record, let parts) = FileData.find(of: number, in: &self) else { return [] }
    return parts.flatMap { resident($0, record) }
  }

  /// A file's attributes other than its data, and optionally its data. Pieces in clusters cover whole clusters.
  mutating func metadataPieces(of number: UInt64, withData: Bool) -> [FileLayout.Piece] {
    StoredAttribute.all(of: number, in: &self, withData: withData).flatMap { attribute in
      switch attribute {
      case .resident(let record, let parts): parts.flatMap { resident($0, record) }
      case .runs(let runs):
        runs.compactMap { run in
          run.cluster.map {
            FileLayout.Piece(
              offset: run.start * clusterSize, length: run.count * clusterSize, layout: .exact,
              physical: $0 * clusterSize)
          }
        }
      }
    }
  }

  private func resident(_ part: ResidentPart, _ record: UInt64) -> [FileLayout.Piece] {
    locations(of: part, record: record).map { location in
      FileLayout.Piece(
        offset: location.offset, length: location.device.upperBound - location.device.lowerBound, layout: .exact,
        physical: location.device.lowerBound, isInRecord: true)
    }
  }

  private func encrypted(_ runs: [Run], size: UInt64, _ initialized: UInt64) -> [FileLayout.Piece]? {
    pieces(runs, size: size, initialized)?.map { piece in
      var piece = piece
      piece.isEncoded = true
      return piece
    }
  }

  /// - Parameter unit: the number of clusters that are compressed together. A unit without a hole is stored
  ///   uncompressed.
  private func pieces(
    _ runs: [Run], size: UInt64, _ initialized: UInt64, unit: UInt64
  ) -> [FileLayout.Piece]? {
    var result: [FileLayout.Piece] = []
    var parts: [Run] = []
    func finish() {
      guard let first = parts.first else { return }
      let isStored = parts.reduce(0) { $0 + $1.count } == unit
      let unitStart = first.start / unit * unit
      for part in parts {
        guard let cluster = part.cluster else { continue }
        var piece = FileLayout.Piece(
          offset: (isStored ? part.start : unitStart) * clusterSize, length: part.count * clusterSize,
          layout: isStored ? .exact : .encoded, physical: cluster * clusterSize)
        guard isStored else {
          piece.isEncoded = true
          result.append(piece)
          continue
        }
        let block = min(clusterSize, Self.page)
        let left = min(initialized, size) - min(initialized, size, piece.offset)
        result.append(piece, writtenUpTo: piece.offset + (left + block - 1) / block * block)
      }
      parts.removeAll(keepingCapacity: true)
    }
    // If the runs end early, the table does not describe all of the file.
    let known = runs.last.map { ($0.start + $0.count) * clusterSize } ?? 0
    guard known >= initialized else { return nil }
    for run in runs where run.cluster != nil {
      var done: UInt64 = 0
      while done < run.count {
        let start = run.start + done
        guard start / unit * unit * clusterSize < size else {
          let rest = FileLayout.Piece(
            offset: start * clusterSize, length: (run.count - done) * clusterSize, layout: .exact,
            physical: run.cluster.map { ($0 + done) * clusterSize })
          result.append(rest, writtenUpTo: 0)
          break
        }
        if let last = parts.last, last.start / unit != start / unit { finish() }
        let count = min(run.count - done, unit - start % unit)
        parts.append(Run(start: start, count: count, cluster: run.cluster.map { $0 + done }))
        done += count
        guard result.count < Self.maximumEncodedPieces else { return nil }
      }
    }
    finish()
    return result
  }

  private func pieces(_ runs: [Run], size: UInt64, _ initialized: UInt64) -> [FileLayout.Piece]? {
    // Bytes after the initialized size are not the file's data and may be anything: they are allocated only.
    let block = min(clusterSize, Self.page)
    let (rounded, overflow) = size.addingReportingOverflow(block - 1)
    guard !overflow else { return nil }
    let end = initialized < size ? initialized : rounded / block * block
    var known: UInt64 = 0
    var pieces: [FileLayout.Piece] = []
    for run in runs {
      let start = run.start * clusterSize
      known = start + run.count * clusterSize
      guard let cluster = run.cluster else { continue }
      pieces.append(
        FileLayout.Piece(
          offset: start, length: known - start, layout: .exact, physical: cluster * clusterSize), writtenUpTo: end)
    }
    return known >= initialized ? pieces : nil
  }
}

extension [FileLayout.Piece] {
  /// Adds a piece with a location. What lies beyond `end`, in bytes of the file, becomes an unwritten piece.
  fileprivate mutating func append(_ piece: FileLayout.Piece, writtenUpTo end: UInt64) {
    let written = Swift.min(piece.length, end - Swift.min(end, piece.offset))
    if written > 0 {
      var data = piece
      data.length = written
      append(data)
    }
    guard written < piece.length else { return }
    var rest = piece
    rest.offset &+= written
    rest.length -= written
    rest.physical = piece.physical.map { $0 &+ written }
    rest.isUnwritten = true
    append(rest)
  }
}
