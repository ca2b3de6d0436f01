import Appliance
import BlockMap
import BlockStack

/// The space of a device with a partition table that is outside its partitions.
struct PartitionGaps {
  /// A partition and what is known about it.
  private struct Part {
    var range: Range<UInt64>
    var device: ProbedDevice?
  }

  private let content: ProbedDevice
  private let end: UInt64
  private let parts: [Part]

  /// Nil if the device has no partitions, or is more than the sum of them: if it holds a filesystem itself, as hybrid
  /// images do, or if it is part of a volume. But the parts of a dynamic disk are those of its volumes.
  /// - Parameter hasAllDynamicVolumes: whether all volumes of dynamic disks are running.
  init?(of content: ProbedDevice, in guest: Guest, hasAllDynamicVolumes: Bool) {
    let number = content.number[...]
    guard !content.holdsFilesystem, let end = guest.devices.end(of: number) else { return nil }
    var parts = guest.devices.partitions(on: number).map { part in
      Part(range: part.range, device: guest.inventory.devices.first { $0.number == part.number })
    }
    if guest.devices.isInVolume(number) {
      guard hasAllDynamicVolumes, parts.contains(where: { $0.device?.partition == .dynamicDisk }),
        let disk = guest.devices.locations(of: 0..<end, on: number)?.first?.disk
      else { return nil }
      parts.removeAll { $0.device?.partition == .dynamicDisk }
      let volumes = guest.inventory.devices.filter { $0.partition == nil && !guest.devices.isDisk($0.number[...]) }
      let locations = volumes.flatMap { guest.devices.locations(of: $0.number[...]) ?? [] }
      parts += locations.filter { $0.disk == disk }.map { Part(range: $0.range) }
    }
    guard !parts.isEmpty else { return nil }
    (self.content, self.end, self.parts) = (content, end, parts)
  }

  /// The start of the first partition, in bytes.
  var first: UInt64 { parts.map(\.range.lowerBound).min() ?? 0 }

  /// Unallocated space. It belongs to the whole device even if it is inside an extended partition.
  /// - Parameter table: what the partition table occupies.
  func unallocated(besides table: [DeviceArea]) -> [DeviceArea] {
    let used = parts.filter { !isContainer($0) && $0.device?.partition != .free }.map(\.range)
    return UnusedSpace.areas(of: 0..<end, without: used + table.map(\.range) + bootGaps.map(\.whole))
  }

  /// The space before the first partition inside another partition, such as a BSD slice: the label and the boot loader.
  /// - Returns: with their ranges of the whole device as well as of the outer partition.
  var bootGaps: [(device: ProbedDevice, whole: Range<UInt64>, area: DeviceArea)] {
    parts.filter { isContainer($0) && $0.device?.partition != .extended }.compactMap { part in
      let inner = parts.filter { contains(part, $0) }.map(\.range.lowerBound).min()
      guard let device = part.device, let inner, part.range.lowerBound > 0, inner > part.range.lowerBound else {
        return nil
      }
      let area = DeviceArea(kind: .boot, name: "boot gap", range: 0..<inner - part.range.lowerBound)
      return (device, part.range.lowerBound..<inner, area)
    }
  }

  /// Whether other partitions are in this one and nothing else. blkid(8) may recognize the first of them in it, too.
  private func isContainer(_ part: Part) -> Bool {
    guard part.device?.partition != .extended else { return true }
    let inner = parts.filter { contains(part, $0) }
    guard !inner.isEmpty, let device = part.device else { return false }
    return device.type.isEmpty
      || inner.contains { $0.range.lowerBound == part.range.lowerBound && $0.device?.type == device.type }
  }

  private func contains(_ outer: Part, _ inner: Part) -> Bool {
    outer.range != inner.range && inner.range.clamped(to: outer.range) == inner.range
  }
}
