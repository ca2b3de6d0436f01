import Appliance
import BlockMap
import Digest
import DiskImage
import Glibc

/// Puts files together again from their ranges in a map and the disks, one after the other.
package struct FileRebuild: ~Copyable {
  /// What a file's ranges make.
  package enum Outcome: Equatable {
    /// The bytes of which this is the BLAKE2b-512, in every copy.
    case digest([UInt8])
    /// They cannot be right, whatever the file holds.
    case impossible(String)
  }

  /// The words for what most often is wrong.
  package static let differs = "its bytes are not where the map says"

  private static let bufferSize = 1 << 20
  /// More than any array keeps of a byte.
  private static let mostCopies = 64

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

  /// The file of `size` bytes that `ranges`, in the order of their offsets, make; what is in none is zeros.
  /// - Parameter layout: of its data. With it, the digest is that of these parts, one behind the other, and what ranges hold
  ///   beside them has to be zeros.
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
      guard active.count <= Self.mostCopies else {
        return .impossible("more than \(Self.mostCopies) ranges hold its byte \(hex(position))")
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

  /// Takes a part of the file, which each of `ranges` holds; none: zeros.
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
        let place = zip(bytes, copied).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
        let offset = position + UInt64(place)
        return "its copies differ: \(shownPlace(first, at: offset)) and \(shownPlace(copy, at: offset))"
      }
      position += UInt64(count)
    }
    return nil
  }

  /// A part of the file that reads as zeros, as each of `ranges` must.
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

  /// - Returns: why the bytes cannot be had.
  private func read(
    _ range: MappedRange, at offset: UInt64, into bytes: UnsafeMutableRawBufferPointer
  ) -> String? {
    let place = range.place(of: offset)
    guard disks.indices.contains(Int(range.disk) - 1) else { return "there is no disk \(range.disk)" }
    do {
      try disks[Int(range.disk) - 1].read(into: bytes, at: place)
      return nil
    } catch {
      return "\(shownPlace(range, at: offset)) cannot be read: \(error)"
    }
  }

  private func shownPlace(_ range: MappedRange, at offset: UInt64) -> String {
    "disk \(range.disk) at \(hex(range.place(of: offset)))"
  }
}

extension MappedRange {
  /// Where in the object the range ends; the map's reader has seen that it fits.
  package var objectEnd: UInt64 { objectOffset &+ (range.upperBound &- range.lowerBound) }

  /// Where on its disk the object's byte `offset` is, which is in the range.
  package func place(of offset: UInt64) -> UInt64 { range.lowerBound &+ (offset &- objectOffset) }
}

/// A number as the map writes it.
package func hex(_ number: UInt64) -> String { String(number, radix: 16) }
