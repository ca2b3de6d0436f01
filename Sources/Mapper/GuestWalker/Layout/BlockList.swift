import CLinux

/// Where FIBMAP says that a file is, where it is a call to the kernel alone.
extension FileLayout {
  /// Minutes' work under emulation: a file of 2 TiB in large clusters.
  private static let mostQuestions: UInt64 = 1 << 24
  /// A file in more pieces is read: for each there are some 60 bytes of memory.
  private static let mostPieces = 1 << 18

  /// Where the kernel says by FIBMAP that all of the file is; nil where it does not, or the file has too many blocks.
  ///
  /// One question a cluster: its blocks are one after the other.
  func blockList() -> [Piece]? {
    let block = UInt64(max(0, clinux_block_size(descriptor)))
    guard block > 0 else { return nil }
    let step = blockSize % block == 0 ? blockSize : block
    guard size / step < Self.mostQuestions, !hasHoles || kind == .minix else { return nil }
    // Where a read would end: the kernel knows the rest of a file's last cluster on exFAT.
    let unit = kind == .exfat ? step : block
    guard size < UInt64(Int64.max) - unit else { return nil }
    let end = (size + unit - 1) / unit * unit
    var pieces: [Piece] = []
    for start in stride(from: 0, to: size, by: UInt64.Stride(step)) {
      let found = clinux_fibmap(descriptor, start / block)
      // FAT has no holes: there the chain of clusters ends early.
      guard found > 0 || found == 0 && kind == .minix else { return nil }
      guard found > 0 else { continue }
      let physical = UInt64(found) * block
      let length = min(step, end - start)
      if let last = pieces.last, last.offset + last.length == start, last.physical == physical &- last.length {
        pieces[pieces.count - 1].length += length
      } else {
        guard pieces.count < Self.mostPieces else { return nil }
        pieces.append(Piece(offset: start, length: length, layout: .told, physical: physical))
      }
    }
    return pieces
  }
}
