import WalkRecord

/// Pieces of a file that are known before it is read, split into parts that are read in one go.
struct KnownPieces {
  let pieces: [FileLayout.Piece]
  private var done = 0
  /// Offset in the next piece.
  private var position: UInt64 = 0

  init(_ pieces: [FileLayout.Piece]) { self.pieces = pieces }

  var isComplete: Bool { done >= pieces.count }

  mutating func nextPage(for filesystem: any WalkedFilesystem) -> [FileLayout.Piece] {
    let isOnDevice = filesystem.directReads == .device
    let isInPages = filesystem.directReads == .filesInPages && filesystem.mount.blockSize < FileLayout.memoryPage
    let limit = filesystem.largestRead
    var page: [FileLayout.Piece] = []
    while page.count < FileLayout.pageSize, done < pieces.count {
      let whole = pieces[done]
      var next = whole
      next.offset &+= position
      next.physical = whole.physical.map { $0 &+ position }
      next.length = min(whole.length - position, limit)
      next.layout = .exact
      next.isOnDevice = isOnDevice
      if isInPages, let physical = next.physical {
        let end = physical &+ next.length &+ FileLayout.memoryPage &- 1
        let start = physical / FileLayout.memoryPage * FileLayout.memoryPage
        next.around = start..<max(start, end / FileLayout.memoryPage * FileLayout.memoryPage)
      }
      page.append(next)
      position += next.length
      if position >= whole.length {
        done += 1
        position = 0
      }
    }
    return page
  }
}
