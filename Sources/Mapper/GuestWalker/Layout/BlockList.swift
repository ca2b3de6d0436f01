import CLinux

/// Where FIBMAP says that a file is, where it is a call to the kernel alone.
extension FileLayout {
  /// Minutes' work under emulation: a file of 2 TiB in large clusters.
  private static let maximumQuestions: UInt64 = 1 << 24
  /// A file in more pieces is read: for each there are some 60 bytes of memory.
  private static let maximumPieces = 1 << 18

  /// Where the kernel says by FIBMAP that all of the file is; nil where it does not, or the file has too many blocks.
  ///
  /// One question a cluster: its blocks are one after the other.
  /// - Parameters:
  ///   - mayHaveHoles: FAT has none: there the chain of clusters ends early.
  ///   - endsWithCluster: a read of the file's end would end with its last cluster, and not with a block.
  func blockList(mayHaveHoles: Bool, endsWithCluster: Bool) -> [Piece]? {
    let block = UInt64(max(0, clinux_block_size(descriptor)))
    guard block > 0 else { return nil }
    let step = blockSize % block == 0 ? blockSize : block
    guard size / step < Self.maximumQuestions, !hasHoles || mayHaveHoles else { return nil }
    let unit = endsWithCluster ? step : block
    guard size < UInt64(Int64.max) - unit else { return nil }
    let end = (size + unit - 1) / unit * unit
    var pieces: [Piece] = []
    for start in stride(from: 0, to: size, by: UInt64.Stride(step)) {
      let found = clinux_fibmap(descriptor, start / block)
      guard found > 0 || found == 0 && mayHaveHoles else { return nil }
      guard found > 0 else { continue }
      pieces.join(
        Piece(offset: start, length: min(step, end - start), layout: .told, physical: UInt64(found) &* block))
      guard pieces.count <= Self.maximumPieces else { return nil }
    }
    return pieces
  }
}
