import BlockMap
import DiskImage

/// How much of each device is free, and what the images of the disks store of it.
package struct FreeSpace: Sendable {
  package struct Device: Equatable, Sendable {
    package var name: [UInt8]
    /// The name that blkid(8) has for the content; empty if it is not known.
    package var type: [UInt8]
    /// Whether the disks hold only the ciphertext of the device.
    package var isEncrypted: Bool
    /// Free bytes.
    package var free: UInt64 = 0
    /// In how many ranges they are.
    package var ranges = 0
    /// Nil if the disks were not read.
    package var image: Image?
  }

  /// What the images store, in bytes of whole 4 KiB blocks.
  package struct Image: Equatable, Sendable {
    /// Of the free space: what fstrim(8) or virt-sparsify(1) can free.
    package var stored: UInt64 = 0
    /// Of that, what is in blocks that are not all zeros.
    package var notZero: UInt64 = 0
    /// In blocks of files that are all zeros.
    package var zeroInFiles: UInt64 = 0
  }

  /// Those that have free space, or files with blocks of zeros, in the order of the disks.
  package private(set) var devices: [Device] = []

  /// - Parameters:
  ///   - disks: the disks of the map; nil to look only at the map. They have the sizes that the map says.
  ///   - onlyDisk: the only disk to look at, from 1; nil for all.
  ///   - selection: which objects count.
  ///   - progress: called with the share that is done, from 0 to 1; what it throws ends the work.
  /// - Throws: `DiskError`, and what `progress` throws.
  package init(
    _ map: BlockMap, disks: [any VirtualDisk]?, onDisk onlyDisk: Int? = nil,
    _ selection: ObjectSelection = ObjectSelection(),
    progress: (Double) throws -> Void = { _ in }
  ) throws {
    let index = MapIndex(map)
    let described = Dictionary(map.devices.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var indices: [[UInt8]: Int] = [:]
    let sizes = map.sizes.enumerated().filter { number, _ in onlyDisk.map { $0 == number + 1 } ?? true }
    let total = sizes.reduce(1.0) { $0 + Double($1.element) }
    var before = 0.0
    for (number, size) in sizes {
      var blocks = disks.map { StoredBlocks($0[number]) }
      try index.forEachRegion(ofDisk: number + 1, size: size, selection) { region in
        var position = before + Double(region.range.lowerBound)
        let count = try blocks?.count(in: region.range) { length in
          position += Double(length)
          try progress(min(position / total, 1))
        }
        guard region.use == .free || count.map({ $0.stored > $0.notZero }) ?? false else { return }
        let name = map.objects.device(of: region.object)
        let found = indices[name] ?? devices.count
        if found == devices.count {
          indices[name] = found
          devices.append(
            Device(
              name: name, type: described[name]?.type ?? [], isEncrypted: described[name]?.isEncrypted ?? false,
              image: disks == nil ? nil : Image()))
        }
        devices[found].add(region, count)
      }
      before += Double(size)
    }
  }

  /// All devices together.
  package var total: Device {
    var total = Device(name: [], type: [], isEncrypted: false)
    for device in devices {
      total.free &+= device.free
      total.ranges += device.ranges
      guard let image = device.image else { continue }
      var sum = total.image ?? Image()
      sum.stored &+= image.stored
      sum.notZero &+= image.notZero
      sum.zeroInFiles &+= image.zeroInFiles
      total.image = sum
    }
    return total
  }

  /// Why the disks cannot be those of a map, for a message about the disk with this index; nil if they can. A map in the
  /// 2014 format does not say how large its disks are.
  package static func mismatch(of map: BlockMap, _ disks: [any VirtualDisk]) -> (disk: Int, reason: String)? {
    let sizes = map.sizes
    for (index, disk) in disks.enumerated() where index < sizes.count {
      if map.disks.isEmpty ? disk.size < sizes[index] : disk.size != sizes[index] {
        return (index, "has \(disk.size) bytes, but disk \(index + 1) of the map has \(sizes[index])")
      }
    }
    return nil
  }
}

extension FreeSpace.Device {
  fileprivate mutating func add(_ region: SpaceRegion, _ count: StoredBlocks.Count?) {
    if region.use == .free {
      free &+= region.range.upperBound - region.range.lowerBound
      ranges += 1
      image?.stored &+= count?.stored ?? 0
      image?.notZero &+= count?.notZero ?? 0
    } else if let count {
      image?.zeroInFiles &+= count.stored - count.notZero
    }
  }
}
