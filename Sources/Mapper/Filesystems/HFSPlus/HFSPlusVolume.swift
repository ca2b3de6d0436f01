import Bytes

/// The volume header of HFS+.
struct HFSPlusVolume {
  /// The offset of the volume header. The alternate one is as far from the end.
  static let header: UInt64 = 1024
  static let headerBytes: UInt64 = 512
  /// More than a special file has.
  private static let maximumPieces = 1 << 20

  /// The files that have no names, by their IDs.
  enum SpecialFile: UInt64, CaseIterable {
    case extentsOverflow = 3
    case catalog = 4
    case allocation = 6
    case startup = 7
    case attributes = 8

    /// The name in the map.
    var title: String {
      switch self {
      case .extentsOverflow: "extents overflow file"
      case .catalog: "catalog file"
      case .allocation: "allocation file"
      case .startup: "startup file"
      case .attributes: "attributes file"
      }
    }

    /// The offset of the file's fork in the volume header.
    fileprivate var offset: Int {
      switch self {
      case .allocation: 112
      case .extentsOverflow: 192
      case .catalog: 272
      case .attributes: 352
      case .startup: 432
      }
    }
  }

  /// The size of a block, in bytes.
  let block: UInt64
  let blocks: UInt64
  /// The end of the volume, and the journal's information block if the volume is journaled, in bytes.
  let end: UInt64
  let journalInformation: UInt64?
  private let bytes: [UInt8]

  /// - Returns: nil if there is no volume header.
  init?(on device: some DeviceBytes) throws {
    guard device.size >= 2 * Self.header + Self.headerBytes else { return nil }
    bytes = try device.bytes(at: Self.header, count: Int(Self.headerBytes))
    (block, blocks) = (bytes.big(at: 40, width: 4), bytes.big(at: 44, width: 4))
    guard bytes.has(Array("H+".utf8), at: 0) || bytes.has(Array("HX".utf8), at: 0), (512...1 << 24).contains(block),
      block.nonzeroBitCount == 1
    else { return nil }
    end = blocks * block
    let isJournaled = bytes.big(at: 4, width: 4) & 1 << 13 != 0
    let journal = bytes.big(at: 12, width: 4) * block
    journalInformation = isJournaled && journal > 0 ? journal : nil
  }

  /// The extents of a list of up to eight, in bytes of the device. The first empty one ends it.
  func extents(at offset: Int, of bytes: [UInt8]) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for extent in 0..<8 {
      let start = bytes.big(at: offset + extent * 8, width: 4) * block
      let count = bytes.big(at: offset + extent * 8 + 4, width: 4) * block
      guard count > 0 else { break }
      result.append(start..<start + count)
    }
    return result
  }

  /// The extents of a fork that its own record holds.
  /// - Parameter offset: of the fork's data: its size, and its extents.
  func extents(ofFork offset: Int, in bytes: [UInt8]) -> [Range<UInt64>] { extents(at: offset + 16, of: bytes) }

  /// Where the special files are. If one of them has more than eight extents, reads the others from the extents
  /// overflow file, and throws `SpaceError` if that is damaged.
  func specialFiles(on device: some DeviceBytes) throws -> [SpecialFile: [Range<UInt64>]] {
    var files: [SpecialFile: [Range<UInt64>]] = [:]
    var areWhole = true
    for file in SpecialFile.allCases {
      let extents = extents(ofFork: file.offset, in: bytes)
      files[file] = extents
      let blocks = bytes.big(at: file.offset + 12, width: 4)
      areWhole = areWhole && extents.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) } >= blocks * block
    }
    guard !areWhole, let tree = try HFSPlusTree(files[.extentsOverflow, default: []], on: device) else { return files }
    try tree.forEachRecord { record in
      guard let extents = HFSPlusOverflow(record, of: self), !extents.isResource,
        let file = SpecialFile(rawValue: extents.file)
      else { return }
      files[file, default: []] += extents.ranges
      guard files[file, default: []].count <= Self.maximumPieces else { throw SpaceError.tooManyPieces }
    }
    return files
  }
}

/// A record of the extents overflow file: up to eight extents of a fork.
struct HFSPlusOverflow {
  let isResource: Bool
  /// The ID of the file.
  let file: UInt64
  /// In bytes of the device.
  let ranges: [Range<UInt64>]

  /// - Parameter record: a key of 12 bytes, and eight extents.
  init?(_ record: [UInt8], of volume: HFSPlusVolume) {
    guard record.count >= 76, record.big(at: 0, width: 2) == 10 else { return nil }
    (isResource, file) = (record[2] == 0xff, record.big(at: 4, width: 4))
    ranges = volume.extents(at: 12, of: record)
  }
}
