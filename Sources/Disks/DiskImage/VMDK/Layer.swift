import Glibc
import SystemPackage

/// One image of a chain: the extents that a descriptor names, one after another.
struct Layer: Sendable {
  /// In bytes.
  let size: UInt64
  let extents: [Extent]
  /// Where each extent begins, in bytes; the first at 0, and one more: the end of the last.
  private let starts: [UInt64]

  /// - Parameter path: the descriptor's, for messages.
  /// - Throws: `DiskError` where together they exceed `VMDKLimits.diskBytes`.
  init(_ extents: [Extent], path: FilePath) throws(DiskError) {
    var starts: [UInt64] = [0]
    var end: UInt64 = 0
    for extent in extents {
      guard extent.size <= VMDKLimits.diskBytes - end else {
        throw DiskError(path, "the extents together are larger than a disk can be", errno: EFBIG)
      }
      end += extent.size
      starts.append(end)
    }
    self.extents = extents
    self.starts = starts
    size = end
  }

  /// The longest run from `position`, up to `end`, that is kept in one way; its end counted from the layer's start.
  /// - Parameters: in bytes; `position` is below `end`, and `end` at most `size`.
  func run(at position: UInt64, upTo end: UInt64) -> ExtentRun {
    var low = 0
    var high = extents.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= position { low = middle } else { high = middle }
    }
    let start = starts[low]
    let run = extents[low].run(at: position &- start, upTo: min(end, starts[low + 1]) &- start)
    return ExtentRun(content: run.content, end: run.end &+ start)
  }

  func close() { for extent in extents { extent.close() } }
}
