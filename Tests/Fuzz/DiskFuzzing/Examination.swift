import DiskImage
import Glibc
import SystemPackage

/// Something that no disk may do, hostile or not.
struct Violation: Error {
  let description: String
}

/// Queries everything that a disk can report, limited so that a hostile disk cannot take long, and compares the answers.
struct Examination {
  private let disk: any VirtualDisk
  private let files: HostileFiles
  private var random: SplitMix64
  private let buffer: UnsafeMutableRawBufferPointer

  /// The most bytes that are read at once, and in `budget` those that are read in all.
  static let most = 65536
  private var budget = 256 << 10
  /// How many results of one query are accepted.
  private static let answers = 1000

  /// - Parameter buffer: a buffer of `most` bytes.
  init(_ disk: any VirtualDisk, files: HostileFiles, seed: UInt8, buffer: UnsafeMutableRawBufferPointer) {
    self.disk = disk
    self.files = files
    self.buffer = buffer
    random = SplitMix64(state: UInt64(seed))
  }

  mutating func run(_ names: [FilePath]) throws {
    try readEdges()
    for _ in 0..<4 {
      _ = read(at: offset(below: disk.size), count: Int(random.next() % 4096))
      _ = read(at: offset(below: min(disk.size, 1 << 20)), count: Int(random.next() % 8192))
    }
    for range in ranges() {
      try checkExtents(range)
      try checkLocations(range)
    }
    // The reverse look-up visits every byte of the disk, so it is limited to small disks.
    if disk.size <= 1 << 22, let name = names.isEmpty ? nil : names[Int(random.next() % UInt64(names.count))] {
      try checkReverse(of: name, 0..<1024)
      let start = random.next() % (1 << 16)
      try checkReverse(of: name, start..<start + 4096)
    }
  }

  private mutating func offset(below end: UInt64) -> UInt64 { random.next() % max(1, end) }

  private mutating func ranges() -> [Range<UInt64>] {
    let size = disk.size
    let middle = offset(below: size)
    let length: UInt64 = random.next() % 64 == 0 ? 1 << 28 : 1 << 18
    return [
      0..<min(size, length), middle..<(middle + min(size - middle, 1 << 17)), (size - min(size, 1 << 16))..<size,
      size..<size,
    ]
  }

  // MARK: Reading

  /// - Returns: whether the read succeeded.
  private mutating func read(at offset: UInt64, count: Int) -> Bool {
    let count = min(count, Examination.most, budget)
    budget -= count
    do throws(DiskError) {
      try disk.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: offset)
      return true
    } catch {
      return false
    }
  }

  private mutating func readEdges() throws {
    let size = disk.size
    let last = Int(min(size, 4096))
    _ = read(at: 0, count: last)
    _ = read(at: size - UInt64(last), count: last)
    _ = read(at: size / 2, count: Int(min(size - size / 2, 1000)))
    if random.next() % 8 == 0 { _ = read(at: 0, count: Int(min(size, UInt64(Examination.most)))) }
    for (offset, count) in [(size, 1), (size - 1, 2), (UInt64.max, 512), (UInt64.max - 511, 512)] {
      if read(at: offset, count: count) { throw Violation(description: "\(count) bytes at \(offset) of \(size)") }
    }
  }

  /// Reads the start or the end of a range.
  /// - Returns: nil if the read failed or the budget is used up.
  private mutating func sample(of range: Range<UInt64>) -> (offset: UInt64, bytes: UnsafeRawBufferPointer)? {
    let count = Int(min(range.upperBound - range.lowerBound, 600))
    let offset = random.next() & 1 == 0 ? range.lowerBound : range.upperBound - UInt64(count)
    guard count <= budget, read(at: offset, count: count) else { return nil }
    return (offset, UnsafeRawBufferPointer(rebasing: buffer[..<count]))
  }

  // MARK: Extents and locations

  private mutating func checkExtents(_ range: Range<UInt64>) throws {
    var found: [DiskExtent] = []
    do throws(DiskError) {
      try disk.extents(in: range) { extent in
        found.append(extent)
        return found.count < Examination.answers
      }
    } catch {
      return
    }
    try check(found.map(\.range), cover: range)
    for (index, extent) in found.enumerated() {
      if index > 0, found[index - 1].state == extent.state {
        throw Violation(description: "two extents that follow each other are of one state: \(extent)")
      }
    }
    for extent in found.prefix(4) where extent.state != .data {
      guard let sample = sample(of: extent.range), sample.bytes.allSatisfy({ $0 == 0 }) else {
        throw Violation(description: "\(extent) does not read as zeros")
      }
    }
  }

  private mutating func checkLocations(_ range: Range<UInt64>) throws {
    var found: [DiskLocation] = []
    do throws(DiskError) {
      try disk.locations(in: range) { location in
        found.append(location)
        return found.count < Examination.answers
      }
    } catch {
      throw Violation(description: "locations fails: \(error)")
    }
    try check(found.map(\.range), cover: range)
    for location in found.prefix(6) {
      let sample = sample(of: location.range)
      switch location.storage {
      case .hole, .zero:
        guard let sample, sample.bytes.allSatisfy({ $0 == 0 }) else {
          throw Violation(description: "\(location) does not read as zeros")
        }
      case .file(let file, let offset):
        guard let sample, files.paths.contains(file) else { continue }
        let start = offset + (sample.offset - location.range.lowerBound)
        guard files.file(file, holds: sample.bytes, at: start) else {
          throw Violation(description: "\(location) reads other bytes than its file has")
        }
      case .compressed, .unreadable: continue
      }
    }
  }

  /// Checks that the ranges are not empty, and cover the whole without gaps, or as much of it as was reported.
  private func check(_ ranges: [Range<UInt64>], cover whole: Range<UInt64>) throws {
    var position = whole.lowerBound
    for range in ranges {
      guard range.lowerBound == position, !range.isEmpty, range.upperBound <= whole.upperBound else {
        throw Violation(description: "\(range) follows \(position) in \(whole)")
      }
      position = range.upperBound
    }
    guard position == whole.upperBound || ranges.count == Examination.answers else {
      throw Violation(description: "\(whole) ends at \(position)")
    }
  }

  private func checkReverse(of file: FilePath, _ stored: Range<UInt64>) throws {
    var seen = 0
    var violation: Violation?
    do throws(DiskError) {
      try disk.locations(ofBytes: stored, in: file) { location in
        let isRight =
          switch location.storage {
          case .file(let other, let offset):
            other == file && stored.contains(offset)
              && location.range.upperBound - location.range.lowerBound <= stored.upperBound - offset
          case .compressed(let other, let bytes, _): other == file && bytes.overlaps(stored)
          case .zero, .hole, .unreadable: false
          }
        if !isRight || location.range.upperBound > disk.size {
          violation = Violation(description: "\(location) is said to show bytes \(stored) of \(file)")
        }
        seen += 1
        return seen < Examination.answers && violation == nil
      }
    } catch {
      throw Violation(description: "the reverse of locations fails: \(error)")
    }
    if let violation { throw violation }
  }
}

/// A pseudorandom number generator that gives the same numbers in each run.
struct SplitMix64 {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
