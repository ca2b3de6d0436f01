import Glibc
import NTFSRecords
import WalkRecord

extension Walk {
  /// What NTFS keeps for an object beside its bytes, as its file table says; nothing on another filesystem.
  /// - Parameter withData: its data too: those of what is no file are a link's target.
  mutating func noteKeptAttributes(
    _ status: stat, _ object: Record.ObjectID, withData: Bool = false
  ) throws(WalkError) {
    guard let pieces = table?.keptPieces(of: UInt64(status.st_ino), withData: withData) else { return }
    for piece in pieces {
      guard let physical = piece.physical else { continue }
      try note(.kept, object, at: piece.offset, physical, length: piece.length)
    }
  }
}

/// Where the file table says that a file's bytes are.
extension FileTable {
  /// A page of what is cached of a device: a read of it is rounded up to that.
  private static let page: UInt64 = 4096

  /// - Parameter number: of the file's first record, which ntfs-3g gives as its inode's.
  /// - Parameter size: of the file, in bytes, as ntfs-3g says.
  /// - Returns: nil where the table does not tell, or the bytes are not stored as they are.
  mutating func pieces(of number: UInt64, size: UInt64) -> [FileLayout.Piece]? {
    switch FileData.find(of: number, in: &self) {
    case nil, .encoded: nil
    case .resident(let record, let parts):
      parts.reduce(0) { $0 + $1.length } == size ? parts.flatMap { resident($0, record) } : nil
    case .runs(let runs, let told, let initialized): told == size ? pieces(runs, size: size, initialized) : nil
    }
  }

  /// The bytes of a file that is in its record; empty for another.
  mutating func residentPieces(of number: UInt64) -> [FileLayout.Piece] {
    guard case .resident(let record, let parts) = FileData.find(of: number, in: &self) else { return [] }
    return parts.flatMap { resident($0, record) }
  }

  /// What a file has beside its data, and with them where they are asked for, too. Of what is in clusters these are whole.
  mutating func keptPieces(of number: UInt64, withData: Bool) -> [FileLayout.Piece] {
    KeptAttribute.all(of: number, in: &self, withData: withData).flatMap { attribute in
      switch attribute {
      case .resident(let record, let parts): parts.flatMap { resident($0, record) }
      case .runs(let runs):
        runs.compactMap { run in
          run.cluster.map {
            FileLayout.Piece(
              offset: run.start * clusterSize, length: run.count * clusterSize, layout: .kept,
              physical: $0 * clusterSize)
          }
        }
      }
    }
  }

  private func resident(_ part: ResidentPart, _ record: UInt64) -> [FileLayout.Piece] {
    places(of: part, record: record).map { place in
      FileLayout.Piece(
        offset: place.offset, length: place.device.upperBound - place.device.lowerBound, layout: .told,
        physical: place.device.lowerBound, isInRecord: true)
    }
  }

  private func pieces(_ runs: [Run], size: UInt64, _ initialized: UInt64) -> [FileLayout.Piece]? {
    // What is behind the initialized bytes is not the file's, and may be anything.
    let block = min(clusterSize, Self.page)
    let (rounded, overflow) = size.addingReportingOverflow(block - 1)
    guard !overflow else { return nil }
    let end = initialized < size ? initialized : rounded / block * block
    var known: UInt64 = 0
    var pieces: [FileLayout.Piece] = []
    for run in runs {
      let start = run.start * clusterSize
      known = start + run.count * clusterSize
      guard let cluster = run.cluster, start < end else { continue }
      pieces.append(
        FileLayout.Piece(
          offset: start, length: min(known, end) - start, layout: .told, physical: cluster * clusterSize))
    }
    return known >= initialized ? pieces : nil
  }
}
