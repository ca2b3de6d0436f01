@testable import NTFSRecords

/// Builds records as NTFS stores them on disk.
struct RecordImage {
  var number: UInt64 = 40
  var sequence: UInt64 = 1
  /// In an extension record, the reference of the first record.
  var base: UInt64 = 0
  /// 1: in use, 2: a directory.
  var flags: UInt64 = 1
  var attributes: [[UInt8]] = []
  var size = 1024

  /// The record as stored on disk, with the update sequence number at the end of each sector.
  var bytes: [UInt8] {
    var result = [UInt8](repeating: 0, count: size)
    func put(_ value: UInt64, _ count: Int, at offset: Int) {
      for byte in 0..<count { result[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
    }
    result.replaceSubrange(0..<4, with: Array("FILE".utf8))
    put(48, 2, at: 4)
    put(UInt64(size / 512 + 1), 2, at: 6)
    put(sequence, 2, at: 16)
    put(72, 2, at: 20)
    put(flags, 2, at: 22)
    put(base, 8, at: 32)
    var offset = 72
    for attribute in attributes + [[0xff, 0xff, 0xff, 0xff]] {
      result.replaceSubrange(offset..<offset + attribute.count, with: attribute)
      offset += attribute.count
    }
    result[48] = 0xaa
    result[49] = 0x55
    for sector in 1...size / 512 {
      for byte in 0..<2 {
        result[48 + 2 * sector + byte] = result[sector * 512 - 2 + byte]
        result[sector * 512 - 2 + byte] = result[48 + byte]
      }
    }
    return result
  }

  static func little(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }

  /// An attribute whose value is in the record.
  static func resident(
    _ type: UInt64, _ value: [UInt8], flags: UInt64 = 0, name: UInt64 = 0, text: String = ""
  ) -> [UInt8] {
    let units = Array(text.utf16).flatMap { little(UInt64($0), 2) }
    let offset = UInt64(24 + units.count)
    let length = (24 + units.count + value.count + 7) / 8 * 8
    let named = UInt8(text.isEmpty ? Int(name) : text.utf16.count)
    let header = little(type, 4) + little(UInt64(length), 4) + [0, named] + little(24, 2)
    let all =
      header + little(flags, 2) + little(0, 2) + little(UInt64(value.count), 4) + little(offset, 2) + [0, 0] + units
      + value
    return all + [UInt8](repeating: 0, count: length - all.count)
  }

  /// An attribute, or a part of one, whose value is in clusters.
  static func runs(
    _ type: UInt64, _ list: [UInt8], lowest: UInt64 = 0, highest: UInt64, size: UInt64 = 0, initialized: UInt64? = nil,
    flags: UInt64 = 0, unit: UInt8 = 0, name: String = ""
  ) -> [UInt8] {
    let text = Array(name.utf16).flatMap { little(UInt64($0), 2) }
    let offset = UInt64(64 + text.count)
    let length = (64 + text.count + list.count + 7) / 8 * 8
    var all = little(type, 4) + little(UInt64(length), 4) + [1, UInt8(name.utf16.count)] + little(64, 2)
    all += little(flags, 2) + little(0, 2)
    all += little(lowest, 8) + little(highest, 8) + little(offset, 2) + [unit] + [UInt8](repeating: 0, count: 5)
    all += little(size, 8) + little(size, 8) + little(initialized ?? size, 8) + text + list
    return all + [UInt8](repeating: 0, count: length - all.count)
  }

  /// An entry of an attribute list.
  static func entry(_ type: UInt64, lowest: UInt64 = 0, record: UInt64, sequence: UInt64 = 1, name: UInt64 = 0)
    -> [UInt8]
  {
    little(type, 4) + little(32, 2) + [UInt8(name), 26] + little(lowest, 8) + little(record | sequence << 48, 8)
      + [UInt8](repeating: 0, count: 8)
  }
}

/// Records and clusters in memory.
struct MemoryTable: RecordSource {
  var records: [UInt64: [UInt8]] = [:]
  /// The volume's content, from its first cluster.
  var volume: [UInt8] = []
  var clusterSize: UInt64 = 512
  private(set) var reads = 0

  mutating func record(_ number: UInt64) -> FileRecord? {
    reads += 1
    return records[number].flatMap { FileRecord($0) }
  }

  mutating func bytes(of runs: [Run], size: UInt64) -> [UInt8]? {
    var result: [UInt8] = []
    for run in runs {
      guard let cluster = run.cluster, let end = Int(exactly: (cluster + run.count) * clusterSize), end <= volume.count
      else { return nil }
      result += volume[Int(cluster * clusterSize)..<end]
    }
    return result.count >= size ? Array(result.prefix(Int(size))) : nil
  }
}
