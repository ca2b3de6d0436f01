import BlockMap

/// A map like that of a large guest: a disk, a boot partition, and an LVM partition with three volumes, one of them
/// in two extents. The volumes hold metadata, directories and files at different densities.
///
/// A file has one to three fragments. Two in three ranges may be followed by a gap. One file in 50 has a second name,
/// and one in 500 shares some of its bytes with another file.
struct SampleMap {
  private static let diskSize: UInt64 = 1 << 40
  private static let block: UInt64 = 4096
  private static let volumes: [(device: String, extents: [Range<UInt64>], share: Double)] = [
    ("/dev/vg/root", [1 << 30..<200 << 30, 600 << 30..<650 << 30], 0.5),
    ("/dev/vg/home", [200 << 30..<600 << 30], 0.3),
    ("/dev/vg/data", [650 << 30..<1023 << 30], 0.2),
  ]

  private var builder = BlockMapBuilder()
  private var generator = SplitMix(state: 42)
  private var written = 0
  private var file = 0

  /// A builder with about `count` ranges.
  static func builder(ranges count: Int) -> BlockMapBuilder {
    var sample = SampleMap()
    sample.addDevices()
    for volume in volumes {
      let size = volume.extents.map { $0.upperBound - $0.lowerBound }.reduce(0, +)
      for extent in volume.extents {
        let part = Double(extent.upperBound - extent.lowerBound) / Double(size)
        sample.fill(extent, of: volume.device, ranges: Int(Double(count) * volume.share * part))
      }
    }
    return sample.builder
  }

  private mutating func addDevices() {
    builder.addDisk(DiskDescription(size: Self.diskSize, format: Array("raw".utf8), file: Array("guest.img".utf8)))
    add(.disk, "/dev/sda", nil, 0..<Self.diskSize)
    add(.partition, "/dev/sda1", nil, 1 << 20..<1 << 30)
    add(.partition, "/dev/sda2", nil, 1 << 30..<Self.diskSize - 1 << 20)
    for volume in Self.volumes {
      var offset: UInt64 = 0
      for extent in volume.extents {
        add(.logicalVolume, volume.device, nil, extent, offset: offset)
        offset += extent.upperBound - extent.lowerBound
      }
    }
  }

  private mutating func fill(_ extent: Range<UInt64>, of device: String, ranges count: Int) {
    let end = written + count
    let step = (extent.upperBound - extent.lowerBound) / UInt64(max(count, 1)) / Self.block * Self.block
    var diskOffset = extent.lowerBound
    while written < end {
      file += 1
      let directory = "/usr/lib/package-\(file / 20)/share/modules"
      if file.isMultiple(of: 20) {
        add(.directory, device, directory, diskOffset..<diskOffset + Self.block)
        diskOffset += step
      }
      if file.isMultiple(of: 100) {
        add(.metadata, device, "inode table", diskOffset..<diskOffset + Self.block, offset: UInt64(file) * Self.block)
        diskOffset += step
      }
      var offset: UInt64 = 0
      for _ in 0..<UInt64.random(in: 1...3, using: &generator) {
        offset += addFragment(device, "\(directory)/file-\(file)", diskOffset, step, offset: offset)
        diskOffset += step
      }
    }
  }

  /// - Returns: the length of the fragment.
  private mutating func addFragment(
    _ device: String, _ path: String, _ diskOffset: UInt64, _ step: UInt64, offset: UInt64
  ) -> UInt64 {
    let isFull = Int.random(in: 0..<3, using: &generator) == 0
    let length = isFull ? step : UInt64.random(in: 1...max(1, step / Self.block), using: &generator) * Self.block
    add(.file, device, "\(path).so", diskOffset..<diskOffset + length, offset: offset)
    if file.isMultiple(of: 50) { add(.file, device, "\(path).so.1", diskOffset..<diskOffset + length, offset: offset) }
    if file.isMultiple(of: 500), length > Self.block {
      add(.file, device, "\(path).copy", diskOffset + Self.block..<diskOffset + length + step / 2, offset: offset)
    }
    return length
  }

  private mutating func add(
    _ kind: ObjectKind, _ device: String, _ path: String?, _ range: Range<UInt64>, offset: UInt64 = 0
  ) {
    if let id = builder.addObject(kind: kind, device: Array(device.utf8), path: path.map { Array($0.utf8) }) {
      builder.addRange(of: id, disk: 1, range: range, objectOffset: offset)
      written += 1
    }
  }
}

/// Random numbers that are the same in every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }
}
