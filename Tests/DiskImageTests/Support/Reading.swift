import DiskImage
import Glibc
import SystemPackage
import Testing

extension VirtualDisk {
  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      // Fill the buffer with a byte to detect bytes that were not read.
      let target = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: count)
      if let start = target.baseAddress { memset(start, 0xa5, count) }
      try read(into: target, at: offset)
      used = count
    }
  }

  func extents(in range: Range<UInt64>? = nil) throws -> [DiskExtent] {
    var found: [DiskExtent] = []
    try extents(in: range ?? 0..<size) { extent in
      found.append(extent)
      return true
    }
    return found
  }
}

/// Whether two arrays are equal. In a debug build, `==` takes a hundred times as long.
func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.count == b.count && memcmp(a, b, a.count) == 0 }

/// Checks the guarantees of `VirtualDisk.extents`.
func expectWellFormed(
  _ extents: [DiskExtent], covering range: Range<UInt64>, sourceLocation: SourceLocation = #_sourceLocation
) {
  var position = range.lowerBound
  var last: DiskExtent.State?
  for extent in extents {
    #expect(extent.range.lowerBound == position && !extent.range.isEmpty, sourceLocation: sourceLocation)
    #expect(extent.state != last, "neighbours are joined", sourceLocation: sourceLocation)
    position = extent.range.upperBound
    last = extent.state
  }
  #expect(position == range.upperBound, sourceLocation: sourceLocation)
}

/// Checks that two disks contain the same bytes, and that ranges that `disk` reports as zeros are zeros in
/// `expected`.
func expectSameBytes(
  _ disk: any VirtualDisk, _ expected: any VirtualDisk, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  try #require(disk.size == expected.size, sourceLocation: sourceLocation)
  // Ranges with data on either disk are read from both. Elsewhere both have holes or zeros.
  for source in [disk, expected] {
    for extent in try source.extents() where extent.state == .data {
      var position = extent.range.lowerBound
      while position < extent.range.upperBound {
        let count = Int(min(extent.range.upperBound - position, 1 << 20))
        let same = try equal(disk.bytes(at: position, count: count), expected.bytes(at: position, count: count))
        #expect(same, "bytes \(position) + \(count) differ", sourceLocation: sourceLocation)
        position += UInt64(count)
      }
    }
  }
}

/// The error of a call that must fail.
func failure(sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void) throws -> DiskError {
  try #require(throws: DiskError.self, sourceLocation: sourceLocation) { try body() }
}

/// The error of opening a disk that must not open.
func refusal(
  _ path: FilePath, format: DiskFormat? = nil, sourceLocation: SourceLocation = #_sourceLocation
) throws -> DiskError {
  try failure(sourceLocation: sourceLocation) { _ = try openDisk(at: path, format: format) }
}
