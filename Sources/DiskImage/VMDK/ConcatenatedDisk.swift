import Glibc
import SystemPackage

/// A VMDK of several extents: disks one after another.
struct ConcatenatedDisk: VirtualDisk {
  let size: UInt64
  private let path: FilePath
  private let parts: [any VirtualDisk]
  /// Where each part begins, in bytes; the first at 0, and one more: the end of the last.
  private let starts: [UInt64]

  /// - Parameters:
  ///   - parts: none of size 0.
  ///   - path: the descriptor's, for messages.
  /// - Throws: `DiskError` where together they exceed `VMDKLimits.diskBytes`.
  init(_ parts: [any VirtualDisk], path: FilePath) throws(DiskError) {
    var starts: [UInt64] = [0]
    var end: UInt64 = 0
    for part in parts {
      guard part.size <= VMDKLimits.diskBytes - end else {
        throw DiskError(path, "the extents together are larger than a disk can be", errno: EFBIG)
      }
      end += part.size
      starts.append(end)
    }
    self.parts = parts
    self.starts = starts
    self.path = path
    size = end
  }

  /// The part that has the byte at `offset`, which is below `size`.
  private func part(at offset: UInt64) -> Int {
    var low = 0
    var high = parts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    let range = try checkedRange(at: offset, count: buffer.count, path: path)
    guard !range.isEmpty else { return }
    var index = part(at: offset)
    var position = offset
    while position < range.upperBound {
      let end = min(starts[index + 1], range.upperBound)
      let inBuffer = Int(position &- offset)..<Int(end &- offset)
      try parts[index].read(
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[inBuffer]), at: position &- starts[index])
      position = end
      index += 1
    }
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range, path: path)
    guard !range.isEmpty else { return }
    var joiner = ExtentJoiner()
    var wantsMore = true
    var index = part(at: range.lowerBound)
    var position = range.lowerBound
    while position < range.upperBound {
      let start = starts[index]
      let end = min(starts[index + 1], range.upperBound)
      try parts[index].extents(in: (position &- start)..<(end &- start)) { (extent) throws(DiskError) -> Bool in
        let onDisk = (extent.range.lowerBound &+ start)..<(extent.range.upperBound &+ start)
        wantsMore = try joiner.add(onDisk, extent.state, to: body)
        return wantsMore
      }
      guard wantsMore else { return }
      position = end
      index += 1
    }
    try joiner.finish(body)
  }

  func close() { for part in parts { part.close() } }
}
