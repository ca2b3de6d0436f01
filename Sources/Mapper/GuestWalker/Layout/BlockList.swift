import CLinux

/// A file's extents from FIBMAP, if that is only a call to the kernel.
extension FileLayout {
  /// Minutes of work under emulation: a file of 2 TiB in large clusters.
  private static let maximumQuestions: UInt64 = 1 << 24
  /// A file in more pieces is read instead: each piece takes about 60 bytes of memory.
  private static let maximumPieces = 1 << 18

  /// All of the file's extents, from FIBMAP; nil if the kernel does not report them or the file has too many blocks.
  ///
  /// Asks once per cluster, because the blocks of a cluster are contiguous. The rest of the last cluster is an
  /// unwritten piece.
  /// - Parameters:
  ///   - mayHaveHoles: false for FAT, which has no holes: a missing block means that the cluster chain ends early.
  ///   - endsWithCluster: whether a read at the end of the file ends at its last cluster rather than at a block.
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
        Piece(offset: start, length: min(step, end - start), layout: .exact, physical: UInt64(found) &* block))
      guard pieces.count <= Self.maximumPieces else { return nil }
    }
    let rest = (step - end % step) % step
    if rest > 0, let last = pieces.last, last.offset &+ last.length == end, let physical = last.physical {
      pieces.append(
        Piece(offset: end, length: rest, layout: .exact, physical: physical &+ last.length, isUnwritten: true))
    }
    return pieces
  }
}
