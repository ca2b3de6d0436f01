import BlockStack
import Bytes

/// The devices of a Btrfs filesystem: their superblocks, and the space that is in no chunk.
struct BtrfsDevices {
  private struct Device {
    /// As `DeviceTable` names it.
    var number: Substring
    /// In bytes; 0 if unknown.
    var size: UInt64 = 0
    /// The space in chunks, as the device's superblock says, in bytes.
    var used: UInt64?
    /// The offsets of its superblocks, in bytes.
    var superblocks: [UInt64] = []
  }

  private var devices: [Device] = []
  /// The size of all extents, as the superblock says, in bytes.
  private(set) var extentBytes: UInt64?

  private static let superblockBytes: UInt64 = 4096
  /// The offset of the first superblock; the space before it is reserved for boot loaders.
  private static let firstSuperblock: UInt64 = 64 << 10
  /// The start of a device that has no chunks, in bytes. Only filesystems of old versions have some there.
  private static let reservedStart: UInt64 = 1 << 20
  /// Nothing is stored near a superblock: in the stripe that it is in, of this size in bytes.
  private static let stripe: UInt64 = 64 << 10
  /// The most devices that a filesystem has here. The limit keeps a hostile appliance from making many.
  private static let maximumDevices = 1024

  init(parsing lines: [Substring]) {
    for line in lines {
      let fields = line.fields
      guard let last = fields.last, let number = UInt64(last) else { continue }
      switch fields.first {
      case "extents" where fields.count == 2: extentBytes = number
      case "super" where fields.count == 3: change(fields[1]) { $0.superblocks.append(number) }
      case "sectors" where fields.count == 3: change(fields[1]) { $0.size = number.times(512) ?? 0 }
      case "used" where fields.count == 3: change(fields[1]) { $0.used = number }
      default: continue
      }
    }
  }

  private mutating func change(_ number: Substring, _ body: (inout Device) -> Void) {
    if let index = devices.firstIndex(where: { $0.number == number }) {
      body(&devices[index])
    } else if devices.count < Self.maximumDevices {
      devices.append(Device(number: number))
      body(&devices[devices.count - 1])
    }
  }

  /// The superblocks, and what is before the first of each device.
  var superblocks: [DeviceArea] {
    devices.flatMap { device in
      device.superblocks.flatMap { offset -> [DeviceArea] in
        guard let range = Self.range(offset, Self.superblockBytes) else { return [] }
        let isFirst = offset == Self.firstSuperblock
        let boot = DeviceArea(kind: .boot, name: "boot block", range: 0..<offset, device: device.number)
        return (isFirst ? [boot] : [])
          + [DeviceArea(name: isFirst ? "superblock" : "backup superblock", range: range, device: device.number)]
      }
    }
  }

  private static func range(_ start: UInt64, _ length: UInt64) -> Range<UInt64>? {
    start.plus(length).map { start..<$0 }
  }

  /// Whether the stripes of the chunks add up to what the superblocks say.
  func haveAllStripes(_ stripes: [BtrfsTree.Stripe]) -> Bool {
    devices.allSatisfy { device in
      let sum = stripes.reduce(0 as UInt64?) { sum, stripe in
        stripe.device == device.number ? sum?.plus(stripe.range.upperBound - stripe.range.lowerBound) : sum
      }
      return device.used == nil || sum == device.used
    }
  }

  /// The space in no chunk: reserved at the start of each device, and unallocated behind that.
  func areasOutside(of stripes: [BtrfsTree.Stripe]) -> [DeviceArea] {
    devices.flatMap { device -> [DeviceArea] in
      let inChunks = stripes.filter { $0.device == device.number }.map(\.range)
      let used = (fixed(on: device.number) + inChunks).sorted { $0.lowerBound < $1.lowerBound }
      let start = min(Self.reservedStart, device.size)
      return Self.reserved([0..<start].subtracting(used), on: device.number)
        + [start..<device.size].subtracting(used).map {
          DeviceArea(kind: .unallocated, range: $0, device: device.number)
        }
    }
  }

  /// The space in chunks that is not used because there is a superblock in the same stripe, or in the same stripe of
  /// another copy.
  /// - Returns: the space in logical addresses, sorted, and as areas of devices, without the superblocks.
  func reserved(in segments: [DeviceTable.Segment]) -> (logical: [Range<UInt64>], areas: [DeviceArea]) {
    var logical: Set<Range<UInt64>> = []
    var areas: [DeviceArea] = []
    for device in devices {
      for offset in device.superblocks {
        guard let end = offset.plus(Self.stripe) else { continue }
        let range = (offset == Self.firstSuperblock ? 0 : offset)..<end
        for segment in segments {
          let size = segment.range.upperBound - segment.range.lowerBound
          segment.target.forEachPart(on: device.number, range) { part, _ in
            let part = part.clamped(to: 0..<size)
            let start = segment.range.lowerBound
            guard !part.isEmpty, logical.insert(start + part.lowerBound..<start + part.upperBound).inserted else {
              return
            }
            segment.target.forEachPiece(of: part) { piece in
              guard let range = Self.range(piece.leg.offset, piece.length) else { return }
              areas += Self.reserved(
                [range].subtracting(fixed(on: piece.leg.device)), on: piece.leg.device)
            }
          }
        }
      }
    }
    return (logical.sorted { $0.lowerBound < $1.lowerBound }, areas)
  }

  private static func reserved(_ ranges: [Range<UInt64>], on number: Substring) -> [DeviceArea] {
    ranges.map { DeviceArea(name: "reserved", range: $0, device: number) }
  }

  /// What is at a fixed offset on a device: the boot block and superblocks, sorted.
  private func fixed(on number: Substring) -> [Range<UInt64>] {
    superblocks.filter { $0.device == number }.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
  }
}
