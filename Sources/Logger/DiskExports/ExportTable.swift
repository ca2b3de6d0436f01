public import BlockMap

/// The exports: the disks, and each partition, volume and filesystem that the map knows.
///
/// The disks are `""`, which is the first one, and `/dev/sda`, `/dev/sdb` …. Partitions and volumes have their names
/// from the map. A filesystem is also exported under a name without slashes: `part1.ext4`, `disk2-part1.vfat`,
/// `disk1.xfs`, `vg-root.btrfs`.
public struct ExportTable: Sendable {
  /// What an export is.
  public enum Target: Sendable {
    /// A whole disk, by its number; 1 for the first.
    case disk(Int)
    /// A device assembled from the disks. It is read-only.
    case device(DeviceParts)
  }

  /// Nobody reads a longer list, and nbdkit does not show one that is much longer.
  private static let maximumExports = 5000
  private static let maximumNameBytes = 4096

  /// One entry of the list.
  public struct Export: Sendable {
    /// The name that a client asks for.
    public var name: [UInt8]
    /// The contents in the words of blkid(8), or which disk it is. Empty if nothing is known.
    public var description: String
  }

  /// In the order of the list.
  public private(set) var exports: [Export] = []
  private var targets: [[UInt8]: Target] = [:]

  /// - Parameters:
  ///   - map: nil if there is none.
  ///   - disks: the numbers of the disks that are served.
  public init(map: BlockMap?, disks: ClosedRange<Int>) {
    for disk in disks {
      if disk == disks.lowerBound { add([], "disk \(disk)", .disk(disk)) }
      add(DiskName.of(disk), "disk \(disk)", .disk(disk))
    }
    guard let map else { return }
    let contents = Dictionary(map.devices.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for (object, device) in Self.deviceParts(of: map, disks) {
      let name = map.objects.device(of: object)
      guard contents[name]?.isEncrypted != true else { continue }
      let kind = map.objects.kind(of: object)
      if kind != .disk {
        add(name, contents[name].map { String(decoding: $0.type, as: UTF8.self) } ?? "", .device(device))
      }
      guard let content = contents[name], content.holdsFilesystem else { continue }
      add(Self.shortName(of: name, kind) + [0x2e] + content.type, "", .device(device))
    }
  }

  /// The export with this name, or nil if there is none.
  public subscript(name: [UInt8]) -> Target? { targets[name] }

  /// The description of an export in the list, or an empty string.
  public func description(of name: [UInt8]) -> String { exports.first { $0.name == name }?.description ?? "" }

  /// Adds an export if its name is new and allowed by NBD: UTF-8 of at most 4096 bytes.
  private mutating func add(_ name: [UInt8], _ description: String, _ target: Target) {
    guard targets[name] == nil, exports.count < Self.maximumExports, name.count <= Self.maximumNameBytes,
      description.utf8.count <= Self.maximumNameBytes, !name.contains(0), String(validating: name, as: UTF8.self) != nil
    else { return }
    targets[name] = target
    exports.append(Export(name: name, description: description))
  }

  /// The devices that can be assembled from these disks, in the order of the map.
  private static func deviceParts(of map: BlockMap, _ disks: ClosedRange<Int>) -> [(ObjectID, DeviceParts)] {
    var order: [ObjectID] = []
    var ranges: [ObjectID: [MappedRange]] = [:]
    for range in map.ranges where map.objects.kind(of: range.object).specificity <= ObjectKind.logicalVolume.specificity
    {
      if ranges[range.object] == nil { order.append(range.object) }
      ranges[range.object, default: []].append(range)
    }
    return order.compactMap { object in
      let all = ranges[object] ?? []
      // The 2014 format does not record where in the device each part is.
      guard map.hasOffsets || all.count == 1 else { return nil }
      return DeviceParts(all, on: disks).map { (object, $0) }
    }
  }

  /// A device's name without slashes.
  private static func shortName(of device: [UInt8], _ kind: ObjectKind) -> [UInt8] {
    let path = Array("/dev/".utf8)
    guard kind != .logicalVolume, device.starts(with: DiskName.prefix) else {
      let name = device.starts(with: path) ? Array(device.dropFirst(path.count)) : device
      return name.map { $0 == 0x2f ? 0x2d : $0 }
    }
    let letters = device.dropFirst(DiskName.prefix.count).prefix { (0x61...0x7a).contains($0) }
    let number = letters.reduce(0) { ($0 &* 26) &+ Int($1 - 0x60) }
    let part = device.dropFirst(DiskName.prefix.count + letters.count)
    guard !part.isEmpty else { return Array("disk\(number)".utf8) }
    return Array((number == 1 ? "part" : "disk\(number)-part").utf8) + part
  }
}
