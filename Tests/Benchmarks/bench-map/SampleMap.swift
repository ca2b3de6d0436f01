import BlockMap

/// A map like that of a large guest: a disk, three partitions, and files of one to three fragments, a directory
/// for every twenty.
struct SampleMap {
  private static let diskSize: UInt64 = 1 << 40
  private static let block: UInt64 = 4096

  /// A builder with about `count` ranges.
  static func builder(ranges count: Int) -> BlockMapBuilder {
    var builder = BlockMapBuilder()
    builder.addDisk(DiskDescription(size: diskSize, format: Array("raw".utf8), file: Array("guest.img".utf8)))
    add(.disk, "/dev/sda", nil, 0..<diskSize, to: &builder)
    let third = diskSize / 3
    for number in 0..<3 as Range<UInt64> {
      add(.partition, "/dev/sda\(number + 1)", nil, third * number..<third * (number + 1), to: &builder)
    }
    var generator = SplitMix(state: 42)
    let step = diskSize / UInt64(max(count, 1)) / block * block
    var place: UInt64 = 0
    var file = 0
    var written = 4
    while written < count {
      file += 1
      let device = "/dev/sda\(min(3, place / third + 1))"
      let directory = "/usr/lib/package-\(file / 20)/share/modules"
      if file.isMultiple(of: 20) {
        add(.directory, device, directory, place..<place + block, to: &builder)
        place += step
        written += 1
      }
      let fragments = UInt64.random(in: 1...3, using: &generator)
      for fragment in 0..<fragments {
        let length = UInt64.random(in: 1...max(1, step / block), using: &generator) * block
        add(
          .file, device, "\(directory)/file-\(file).so", place..<place + length, offset: fragment << 32, to: &builder)
        place += step
        written += 1
      }
    }
    return builder
  }

  private static func add(
    _ kind: ObjectKind, _ device: String, _ path: String?, _ range: Range<UInt64>, offset: UInt64 = 0,
    to builder: inout BlockMapBuilder
  ) {
    if let id = builder.addObject(kind: kind, device: Array(device.utf8), path: path.map { Array($0.utf8) }) {
      builder.addRange(of: id, disk: 1, range: range, objectOffset: offset)
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
