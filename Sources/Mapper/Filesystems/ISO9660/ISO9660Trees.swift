import BlockStack
import Bytes

/// The directories of all volume descriptors of an ISO 9660 image, and what their records refer to (ECMA-119, 9.1;
/// for continuation areas, IEEE P1281, "System Use Sharing Protocol").
struct ISO9660Trees<Device: DeviceBytes> {
  /// In bytes of the device, in whole sectors.
  private(set) var directories: [Range<UInt64>] = []
  private(set) var files: [Range<UInt64>] = []
  /// More of what does not fit into records.
  private(set) var continuations: [Range<UInt64>] = []

  private let device: Device
  /// For continuation areas, which are small.
  private let reader: BufferedBytes<Device>
  private var visited: Set<UInt64> = []
  /// How much was read, in bytes.
  private var bytesRead: UInt64 = 0

  private let sector: UInt64 = 2048
  private let maximumBytes: UInt64 = 256 << 20
  /// The most areas that continue each other.
  private let maximumContinuations = 32

  init(_ device: Device) { (self.device, reader) = (device, BufferedBytes(device)) }

  /// Adds the tree of a volume descriptor. Throws `SpaceError` if it has too much in it.
  mutating func add(_ volume: ISO9660Volume) throws {
    var pending: [[UInt8]] = [volume.root]
    while let record = pending.popLast() {
      let extent = extent(of: record, volume)
      guard extent.data.upperBound <= device.size, visited.insert(extent.data.lowerBound).inserted else { continue }
      bytesRead += extent.data.upperBound - extent.data.lowerBound
      guard bytesRead <= maximumBytes else { throw SpaceError.tooManyPieces }
      directories.append(extent.all)
      try device.read(extent.data) { piece in
        // Records do not go beyond the end of their sector, and pieces are whole sectors.
        for start in stride(from: 0, to: piece.count, by: Int(sector)) {
          try addRecords(Array(piece[start..<min(start + Int(sector), piece.count)]), volume, &pending)
        }
      }
    }
  }

  /// What a record refers to: its data, and all with the extended attributes before it.
  private func extent(of record: [UInt8], _ volume: ISO9660Volume) -> (data: Range<UInt64>, all: Range<UInt64>) {
    let start = record.little(at: 2, width: 4) * volume.block
    let size = (record.little(at: 10, width: 4) + sector - 1) / sector * sector
    let data = start + UInt64(record[1]) * volume.block
    return (data..<data + size, start..<data + size)
  }

  private mutating func addRecords(_ bytes: [UInt8], _ volume: ISO9660Volume, _ pending: inout [[UInt8]]) throws {
    var start = 0
    while start < bytes.count, bytes[start] >= 34, start + Int(bytes[start]) <= bytes.count {
      let record = Array(bytes[start..<start + Int(bytes[start])])
      start += record.count
      let nameLength = Int(record[32])
      // The name begins at 33, and what is behind it at an even offset.
      try addContinuations(of: Array(record.dropFirst((34 + nameLength) & ~1)))
      // The records of the directory itself and of its parent.
      if nameLength == 1, record[33] < 2 { continue }
      if record[25] & 2 != 0 {
        pending.append(record)
      } else {
        files.append(extent(of: record, volume).all)
      }
      guard files.count + pending.count <= DeviceTable.maximumLocations else { throw SpaceError.tooManyPieces }
    }
  }

  /// - Parameter area: the last part of a record, which may end with the location of more.
  private mutating func addContinuations(of area: [UInt8]) throws {
    var area = area
    for _ in 0..<maximumContinuations {
      guard let next = continuation(in: area) else { return }
      continuations.append(next.lowerBound / sector * sector..<(next.upperBound + sector - 1) / sector * sector)
      guard next.upperBound <= device.size else { throw SpaceError.incomplete }
      bytesRead += sector
      guard bytesRead <= maximumBytes else { throw SpaceError.tooManyPieces }
      area = try reader.bytes(at: next.lowerBound, count: Int(next.upperBound - next.lowerBound))
    }
  }

  /// Where a field of the type CE says that the area continues, in bytes of the device.
  private func continuation(in area: [UInt8]) -> Range<UInt64>? {
    var start = 0
    while start + 4 <= area.count {
      let length = Int(area[start + 2])
      guard length >= 4, start + length <= area.count else { return nil }
      if area.has(Array("CE".utf8), at: start), length >= 28 {
        let size = area.little(at: start + 20, width: 4)
        guard (1...sector).contains(size) else { return nil }
        let first = area.little(at: start + 4, width: 4) * sector + area.little(at: start + 12, width: 4)
        return first..<first + size
      }
      start += length
    }
    return nil
  }
}
