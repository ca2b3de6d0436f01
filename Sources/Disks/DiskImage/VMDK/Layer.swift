import Algorithms
import Glibc
import SystemPackage

/// One image in a chain: the extents named by a descriptor, one after another.
struct Layer: Sendable {
  /// In bytes.
  let size: UInt64
  let extents: [VMDKExtent]
  /// The offset of each extent, in bytes, and finally the offset of the end of the last one. The first is 0.
  private let starts: [UInt64]

  /// - Parameter path: the path of the descriptor, for messages.
  /// - Throws: `DiskError` if the extents together are larger than `VMDKLimits.diskBytes`.
  init(_ extents: [VMDKExtent], path: FilePath) throws(DiskError) {
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

  /// The longest run, starting at `position` and ending at most at `end`, that is stored in one way. Its end is
  /// relative to the start of the layer.
  /// - Parameters: in bytes; `position` is less than `end`, and `end` is at most `size`.
  func run(at position: UInt64, upTo end: UInt64) -> ExtentRun {
    let number = starts.partitioningIndex { $0 > position } - 1
    let start = starts[number]
    let run = extents[number].run(at: position &- start, upTo: min(end, starts[number + 1]) &- start)
    return ExtentRun(content: run.content, end: run.end &+ start)
  }

  func close() { for extent in extents { extent.close() } }
}
