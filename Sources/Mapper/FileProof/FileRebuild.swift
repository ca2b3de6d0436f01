import Appliance
import BlockMap
import Digest
import DiskImage
import Glibc

/// Rebuilds files, one after the other, from their ranges in a map and the disks.
package struct FileRebuild: ~Copyable {
  /// The result of rebuilding a file.
  package enum Outcome: Equatable {
    /// The BLAKE2b-512 of the file's bytes, which are the same in every copy.
    case digest([UInt8])
    /// The ranges cannot be right, whatever the file holds.
    case impossible(String)
  }

  /// The message for the most frequent problem.
  package static let differs = "its bytes are not where the map says"

  private static let bufferSize = 1 << 20
  /// More copies of a byte than any array has.
  private static let maximumCopies = 64

  private let disks: [any VirtualDisk]
  private let isCancelled: @Sendable () -> Bool
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)
  private let other = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)
  private let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)

  package init(disks: [any VirtualDisk], isCancelled: @escaping @Sendable () -> Bool) {
    self.disks = disks
    self.isCancelled = isCancelled
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit {
    buffer.deallocate()
    other.deallocate()
    zeros.deallocate()
  }

  /// Rebuilds the file of `size` bytes from `ranges`, which are sorted by their offsets. What no range holds is zeros.
  /// - Parameter layout: where the file has data. With it, the digest is that of these parts, one after the other, and
  ///   what the ranges hold outside them must be zeros.
  package func file(size: UInt64, of ranges: [MappedRange], layout: DataLayout? = nil) throws -> Outcome {
    var digest = try Blake2b()
    var data = (layout?.parts ?? [0..<size])[...]
    var active: [MappedRange] = []
    var next = 0
    var position: UInt64 = 0
    while position < size {
      while next < ranges.count, ranges[next].objectOffset <= position {
        active.append(ranges[next])
        next += 1
      }
      active.removeAll { $0.objectEnd <= position }
      guard active.count <= Self.maximumCopies else {
        return .impossible("more than \(Self.maximumCopies) ranges hold its byte \(hex(position))")
      }
      var end = next < ranges.count ? min(size, ranges[next].objectOffset) : size
      for range in active { end = min(end, range.objectEnd) }
      while let part = data.first, part.upperBound <= position { data.removeFirst() }
      let isData = data.first.map { $0.lowerBound <= position } ?? false
      if let part = data.first { end = min(end, isData ? part.upperBound : part.lowerBound) }
      if isData {
        if let problem = try add(position..<end, of: active, to: &digest) { return .impossible(problem) }
      } else if let problem = try checkHole(position..<end, of: active) {
        return .impossible(problem)
      }
      position = end
    }
    return .digest(try digest.finish())
  }

  /// Adds a part of the file to the digest. Each of `ranges` holds the part; if there are none, it is zeros.
  private func add(
    _ part: Range<UInt64>, of ranges: [MappedRange], to digest: inout Blake2b
  ) throws -> String? {
    var position = part.lowerBound
    while position < part.upperBound {
      guard !isCancelled() else { throw MapperError.interrupted }
      let count = Int(min(part.upperBound - position, UInt64(Self.bufferSize)))
      guard let first = ranges.first else {
        try digest.update(UnsafeRawBufferPointer(rebasing: zeros[..<count]))
        position += UInt64(count)
        continue
      }
      let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
      if let problem = read(first, at: position, into: bytes) { return problem }
      try digest.update(UnsafeRawBufferPointer(bytes))
      for copy in ranges.dropFirst() {
        let copied = UnsafeMutableRawBufferPointer(rebasing: other[..<count])
        if let problem = read(copy, at: position, into: copied) { return problem }
        guard let a = bytes.baseAddress, let b = copied.baseAddress, memcmp(a, b, count) != 0 else { continue }
        let index = zip(bytes, copied).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
        let offset = position + UInt64(index)
        return "its copies differ: \(shownLocation(first, at: offset)) and \(shownLocation(copy, at: offset))"
      }
      position += UInt64(count)
    }
    return nil
  }

  /// Checks a part of the file that reads as zeros: each of `ranges` must hold zeros.
  private func checkHole(_ part: Range<UInt64>, of ranges: [MappedRange]) throws -> String? {
    for range in ranges {
      var position = part.lowerBound
      while position < part.upperBound {
        guard !isCancelled() else { throw MapperError.interrupted }
        let count = Int(min(part.upperBound - position, UInt64(Self.bufferSize)))
        let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        if let problem = read(range, at: position, into: bytes) { return problem }
        guard let a = bytes.baseAddress, let b = zeros.baseAddress, memcmp(a, b, count) == 0 else {
          return Self.differs
        }
        position += UInt64(count)
      }
    }
    return nil
  }

  /// - Returns: why the bytes cannot be read; nil if they can.
  private func read(
    _ range: MappedRange, at offset: UInt64, into bytes: UnsafeMutableRawBufferPointer
  ) -> String? {
    let diskOffset = range.diskOffset(of: offset)
    guard disks.indices.contains(Int(range.disk) - 1) else { return "there is no disk \(range.disk)" }
    do {
      try disks[Int(range.disk) - 1].read(into: bytes, at: diskOffset)
      return nil
    } catch {
      return "\(shownLocation(range, at: offset)) cannot be read: \(error)"
    }
  }

  private func shownLocation(_ range: MappedRange, at offset: UInt64) -> String {
    "disk \(range.disk) at \(hex(range.diskOffset(of: offset)))"
  }
}

extension MappedRange {
  /// The object's offset at which the range ends; the reader of the map has checked that it fits.
  package var objectEnd: UInt64 { objectOffset &+ (range.upperBound &- range.lowerBound) }

  /// The offset on the disk of the object's byte at `offset`, which must be in the range.
  package func diskOffset(of offset: UInt64) -> UInt64 { range.lowerBound &+ (offset &- objectOffset) }
}

/// Formats a number as the map does.
package func hex(_ number: UInt64) -> String { String(number, radix: 16) }
