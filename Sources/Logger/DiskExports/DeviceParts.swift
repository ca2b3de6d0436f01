import Algorithms
public import BlockMap

/// A guest device, assembled from ranges of the guest's disks.
public struct DeviceParts: Sendable {
  /// A part of the device.
  public struct Part: Sendable {
    /// The part's offset in the device, in bytes. It ends where the next one begins.
    public var start: UInt64
    /// The disk's number, 1 for the first.
    public var disk: Int
    /// The part's offset on the disk, in bytes.
    public var diskOffset: UInt64
  }

  /// In order, without gaps. The first one begins at 0.
  public let parts: [Part]
  /// In bytes.
  public let size: UInt64

  /// - Parameters:
  ///   - ranges: the ranges of one device, in any order; if several hold the same bytes, one is used.
  ///   - disks: the disks that may be used.
  /// - Returns: nil if a part of the device is on none of these disks.
  public init?(_ ranges: [MappedRange], on disks: ClosedRange<Int>) {
    let usable = ranges.filter { disks.contains(Int($0.disk)) }
    let ordered = usable.sorted { ($0.objectOffset, $0.disk) < ($1.objectOffset, $1.disk) }
    var parts: [Part] = []
    var position: UInt64 = 0
    for range in ordered {
      let end = range.objectOffset &+ (range.range.upperBound - range.range.lowerBound)
      guard end > position else { continue }
      guard range.objectOffset <= position else { return nil }
      let skipped = position - range.objectOffset
      parts.append(Part(start: position, disk: Int(range.disk), diskOffset: range.range.lowerBound + skipped))
      position = end
    }
    let end = ranges.map { $0.objectOffset &+ ($0.range.upperBound - $0.range.lowerBound) }.max()
    guard position > 0, position == end else { return nil }
    self.parts = parts
    size = position
  }

  /// Calls `body` with each part of a range of the device, in order, until it returns false. `body` gets the bytes of
  /// the device, the disk's number and the offset on the disk.
  /// - Parameter range: within the device.
  public func forEachPart(
    of range: Range<UInt64>, _ body: (_ range: Range<UInt64>, _ disk: Int, _ diskOffset: UInt64) throws -> Bool
  ) rethrows {
    var number = last(notAbove: range.lowerBound)
    var position = range.lowerBound
    while position < range.upperBound, number < parts.count {
      let part = parts[number]
      let end = min(range.upperBound, number + 1 < parts.count ? parts[number + 1].start : size)
      guard try body(position..<end, part.disk, part.diskOffset + (position - part.start)) else { return }
      position = end
      number += 1
    }
  }

  private func last(notAbove offset: UInt64) -> Int {
    parts.partitioningIndex { $0.start > offset } - 1
  }
}
