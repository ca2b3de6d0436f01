import Algorithms
import Glibc
import NTFSRecords

/// The file table (MFT) of an NTFS volume, read from its device: ntfs-3g would read it in pages of 4 KiB, with one
/// request each.
///
/// Memory: 4 MiB, plus the table's own run list.
struct FileTable: RecordSource {
  private static let slots = 64
  /// A multiple of every record size, and of every cluster size up to this.
  private static let slotBytes: UInt64 = 64 << 10
  /// Larger offsets are rejected, so that they always fit into `off_t`.
  private static let maximumBytes: UInt64 = 1 << 62

  private let device: Int32
  let clusterSize: UInt64
  private let recordSize: UInt64
  /// The table's clusters, in the table's order.
  private var runs: [Run]
  private var cache: [Slot]
  /// The last record: callers ask about one file several times in a row.
  private var last: (number: UInt64, record: FileRecord?)?

  /// A part of the table that has been read.
  private struct Slot {
    var number: UInt64?
    let buffer = AlignedBuffer(size: Int(slotBytes))
  }

  /// - Parameters:
  ///   - device: open for direct reads.
  ///   - boot: the volume's boot sector.
  /// - Returns: nil if the table does not describe its own location.
  init?(device: Int32, boot: BootSector) {
    self.device = device
    clusterSize = boot.clusterSize
    recordSize = UInt64(boot.recordSize)
    cache = (0..<Self.slots).map { _ in Slot() }
    // Enough for the table's first record, which describes the rest.
    let first = (recordSize + clusterSize - 1) / clusterSize
    runs = [Run(start: 0, count: first, cluster: boot.tableCluster)]
    var isFirst = true
    let found = FileData.find(of: 0, in: &self) { table, runs in
      table.runs = isFirst ? runs : table.runs + runs
      isFirst = false
      table.forgetAll()
    }
    guard case .runs(let all, let size, let initialized) = found, size == initialized,
      all.first?.cluster == boot.tableCluster
    else { return nil }
    runs = all
    forgetAll()
  }

  mutating func record(_ number: UInt64) -> FileRecord? {
    if let last, last.number == number { return last.record }
    let record = parsed(number)
    last = (number, record)
    return record
  }

  private mutating func parsed(_ number: UInt64) -> FileRecord? {
    let (start, overflow) = number.multipliedReportingOverflow(by: recordSize)
    guard !overflow, start < Self.maximumBytes else { return nil }
    let slot = start / Self.slotBytes
    let index = Int(slot % UInt64(Self.slots))
    if cache[index].number != slot {
      cache[index].number = nil
      guard fill(cache[index].buffer, from: slot * Self.slotBytes, at: start % Self.slotBytes) else { return nil }
      cache[index].number = slot
    }
    let offset = Int(start % Self.slotBytes)
    return FileRecord(Array(cache[index].buffer.bytes[offset..<offset + Int(recordSize)]))
  }

  /// Reads a part of the table, with zeros after the table's end.
  /// - Parameter needed: offset in the part of a record that must be in the table.
  private func fill(_ buffer: AlignedBuffer, from start: UInt64, at needed: UInt64) -> Bool {
    buffer.bytes.initializeMemory(as: UInt8.self, repeating: 0)
    var known: UInt64 = 0
    for location in locations(of: start..<start + Self.slotBytes) {
      let target = Int(location.offset)
      let count = Int(location.device.upperBound - location.device.lowerBound)
      guard target + count <= buffer.bytes.count,
        read(
          UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[target..<target + count]), at: location.device.lowerBound
        )
      else { return false }
      known = location.offset + UInt64(count)
    }
    return needed + recordSize <= known
  }

  /// The device ranges, in bytes, of a range of the table, each with its offset in that range.
  func locations(of range: Range<UInt64>) -> [(device: Range<UInt64>, offset: UInt64)] {
    var result: [(device: Range<UInt64>, offset: UInt64)] = []
    let first = runs.partitioningIndex { ($0.start + $0.count) * clusterSize > range.lowerBound }
    for run in runs[first...] {
      guard run.start * clusterSize < range.upperBound else { break }
      guard let cluster = run.cluster else { continue }
      let start = max(range.lowerBound, run.start * clusterSize)
      let end = min(range.upperBound, (run.start + run.count) * clusterSize)
      let offset = cluster * clusterSize + (start - run.start * clusterSize)
      result.append((offset..<offset + (end - start), start - range.lowerBound))
    }
    return result
  }

  /// The device ranges of some bytes of a record, each with its offset in the file.
  func locations(of part: ResidentPart, record: UInt64) -> [(device: Range<UInt64>, offset: UInt64)] {
    let start = record * recordSize + UInt64(part.recordOffset)
    return locations(of: start..<start + UInt64(part.length)).map { ($0.device, $0.offset + UInt64(part.offset)) }
  }

  mutating func bytes(of runs: [Run], size: UInt64) -> [UInt8]? {
    var result: [UInt8] = []
    let buffer = AlignedBuffer(size: Int(Self.slotBytes)).bytes
    defer { buffer.deallocate() }
    for run in runs {
      guard let cluster = run.cluster else { return nil }
      var position: UInt64 = 0
      while position < run.count * clusterSize, result.count < size {
        let count = min(run.count * clusterSize - position, Self.slotBytes)
        let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(count)])
        guard read(piece, at: cluster * clusterSize + position) else { return nil }
        result += piece.prefix(Int(min(count, size - UInt64(result.count))))
        position += count
      }
    }
    return result.count == size ? result : nil
  }

  private func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Bool {
    offset < Self.maximumBytes && pread(device, bytes.baseAddress, bytes.count, off_t(offset)) == bytes.count
  }

  private mutating func forgetAll() {
    for index in cache.indices { cache[index].number = nil }
    last = nil
  }
}
