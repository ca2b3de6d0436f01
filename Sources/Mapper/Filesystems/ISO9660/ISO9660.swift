import BlockStack
import Bytes

/// ISO 9660, with Joliet and Rock Ridge (ECMA-119).
struct ISO9660: RestNaming {
  let names: [Substring] = ["iso9660"]

  private static let sector: UInt64 = 2048
  private static let firstDescriptor: UInt64 = 16
  /// More than any image has.
  private static let maximumDescriptors: UInt64 = 64

  /// The descriptors of the volume, which are one after the other, and whether the last one ends them.
  private func descriptors(on device: some DeviceBytes) throws -> (all: [[UInt8]], isWhole: Bool) {
    var all: [[UInt8]] = []
    for number in 0..<Self.maximumDescriptors {
      let start = (Self.firstDescriptor + number) * Self.sector
      guard start + Self.sector <= device.size else { break }
      let descriptor = try device.bytes(at: start, count: Int(Self.sector))
      guard descriptor.has(Array("CD001".utf8), at: 1) else { break }
      all.append(descriptor)
      if descriptor[0] == 255 { return (all, true) }
    }
    return (all, false)
  }

  /// The sector of the boot catalog; nil for other descriptors.
  private func bootCatalog(_ descriptor: [UInt8]) -> UInt64? {
    guard descriptor[0] == 0, descriptor.has(Array("EL TORITO SPECIFICATION".utf8), at: 7) else { return nil }
    return descriptor.little(at: 71, width: 4)
  }

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    var areas: [DeviceArea] = []
    let (descriptors, isWhole) = try descriptors(on: device)
    if !descriptors.isEmpty { areas.add("system area", at: 0, count: Self.firstDescriptor * Self.sector, kind: .boot) }
    var pathTables: Set<Range<UInt64>> = []
    for (number, descriptor) in descriptors.enumerated() {
      let offset = UInt64(number) * Self.sector
      areas.add(
        "volume descriptors", at: Self.firstDescriptor * Self.sector + offset, count: Self.sector, offset: offset)
      if let catalog = bootCatalog(descriptor) {
        areas.add("boot catalog", at: catalog * Self.sector, count: Self.sector, kind: .boot)
      }
      if let volume = ISO9660Volume(descriptor) { pathTables.formUnion(volume.pathTables) }
    }
    areas.addPathTables(pathTables)
    if isWhole { areas.addSpace(behind: end(descriptors), on: device) }
    return areas
  }

  /// The end of the volume in bytes, as the primary descriptor says; nil if there is none.
  private func end(_ descriptors: [[UInt8]]) -> UInt64? {
    descriptors.last { $0[0] == 1 }.flatMap { ISO9660Volume($0)?.end }
  }

  /// The kernel shows one of several directory trees, without hidden files. What no descriptor, path table or directory
  /// refers to is padding, or older than the last session.
  func nameRest(of space: inout UnnamedSpace, on device: some DeviceBytes) throws {
    let (descriptors, isWhole) = try descriptors(on: device)
    guard isWhole, let end = end(descriptors), end <= device.size else { return }
    for catalog in descriptors.compactMap(bootCatalog) {
      let start = catalog * Self.sector
      guard start + Self.sector <= device.size else { continue }
      space.name(
        "boot image", ElToritoImages.ranges(catalog: try device.bytes(at: start, count: Int(Self.sector))), kind: .boot)
    }
    var trees = ISO9660Trees(device)
    for volume in descriptors.compactMap(ISO9660Volume.init) { try trees.add(volume) }
    space.name("directory records", trees.directories)
    space.name("continuation areas", trees.continuations)
    space.name("hidden file data", trees.files)
    space.name("unreferenced sectors", [0..<end])
  }
}

/// A primary or supplementary volume descriptor.
struct ISO9660Volume {
  /// The size of a block and the end of the volume, in bytes.
  let block: UInt64
  let end: UInt64
  /// In bytes of the device, in whole sectors.
  let pathTables: [Range<UInt64>]
  /// The record of the root directory.
  let root: [UInt8]

  /// - Returns: nil for other descriptors.
  init?(_ descriptor: [UInt8]) {
    guard descriptor.count == 2048, [1, 2].contains(descriptor[0]) else { return nil }
    let (block, sector) = (descriptor.little(at: 128, width: 2), UInt64(2048))
    let size = (descriptor.little(at: 132, width: 4) + sector - 1) / sector * sector
    let tables = [
      descriptor.little(at: 140, width: 4), descriptor.little(at: 144, width: 4), descriptor.big(at: 148, width: 4),
      descriptor.big(at: 152, width: 4),
    ]
    self.block = block
    end = descriptor.little(at: 80, width: 4) * block
    pathTables = tables.filter { $0 > 0 }.map { $0 * block..<$0 * block + size }
    root = Array(descriptor[156..<190])
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
