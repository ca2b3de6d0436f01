import BlockStack
import Bytes

/// ISO 9660, with Joliet and Rock Ridge (ECMA-119).
struct ISO9660: FilesystemType {
  let names: [Substring] = ["iso9660"]

  private static let sector: UInt64 = 2048
  private static let firstDescriptor: UInt64 = 16
  /// More than any image has.
  private static let maximumDescriptors: UInt64 = 64

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    var areas: [DeviceArea] = []
    var volumeEnd: UInt64?
    var pathTables: Set<Range<UInt64>> = []
    for number in 0..<Self.maximumDescriptors {
      let start = (Self.firstDescriptor + number) * Self.sector
      guard start + Self.sector <= device.size else { break }
      let descriptor = try device.bytes(at: start, count: Int(Self.sector))
      guard descriptor.has(Array("CD001".utf8), at: 1) else { break }
      if number == 0 { areas.add("system area", at: 0, count: start, kind: .boot) }
      areas.add("volume descriptors", at: start, count: Self.sector, offset: number * Self.sector)
      switch descriptor[0] {
      case 0 where descriptor.has(Array("EL TORITO SPECIFICATION".utf8), at: 7):
        areas.add(
          "boot catalog", at: descriptor.little(at: 71, width: 4) * Self.sector, count: Self.sector, kind: .boot)
      case 1, 2:
        let block = descriptor.little(at: 128, width: 2)
        if descriptor[0] == 1 { volumeEnd = descriptor.little(at: 80, width: 4) * block }
        let size = descriptor.little(at: 132, width: 4)
        let tables = [
          descriptor.little(at: 140, width: 4), descriptor.little(at: 144, width: 4),
          descriptor.big(at: 148, width: 4), descriptor.big(at: 152, width: 4),
        ]
        for table in tables where table > 0 {
          let start = table * block
          // A table takes whole sectors.
          pathTables.insert(start..<start + (size + Self.sector - 1) / Self.sector * Self.sector)
        }
      case 255:
        areas.addPathTables(pathTables)
        areas.addSpace(behind: volumeEnd, on: device)
        return areas
      default: continue
      }
    }
    areas.addPathTables(pathTables)
    return areas
  }
}

extension [DeviceArea] {
  /// Adds the path tables. Each has its own offset, because the numbers of half of them are in the other byte order.
  fileprivate mutating func addPathTables(_ tables: Set<Range<UInt64>>) {
    for table in tables.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      add("path table", at: table.lowerBound, count: table.upperBound - table.lowerBound)
    }
    concatenate { $0 == "path table" }
  }
}
