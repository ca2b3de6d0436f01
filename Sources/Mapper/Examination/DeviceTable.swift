import Guestfs

/// The block devices as the appliance's kernel sees them: what they are made of, down to the guest's disk.
///
/// Only what keeps a device's bytes in their order is followed: partitions and linear device-mapper targets.
struct DeviceTable {
  /// A part of a device that lies in one piece on another.
  struct Segment: Equatable {
    /// Bytes of the device.
    var range: Range<UInt64>
    /// `MAJOR:MINOR` of the device below.
    var below: Substring
    /// Where on it the segment begins, in bytes.
    var offset: UInt64
  }

  /// A range of the disk that holds a volume's bytes from `offset` on.
  struct Place: Equatable {
    var range: Range<UInt64>
    var offset: UInt64
  }

  private enum Device {
    case disk
    case made(of: [Segment])
    /// Not a linear arrangement.
    case other
  }

  private var devices: [Substring: Device] = [:]
  private static let sectorSize: UInt64 = 512
  /// Deeper than any stack of volumes; a table that refers to itself ends here.
  private static let maximumDepth = 16

  /// Prints what `init(parsing:)` reads: for each block device its number, the number of the device it is a partition
  /// of or `-`, its first sector there or `-`, its length in sectors, and then its device-mapper table, if any.
  static let script = """
    cd /sys/class/block && for b in *; do
      d=$(cat $b/dev); p=-; s=-
      if [ -e $b/partition ]; then p=$(cat $(readlink -f $b)/../dev); s=$(cat $b/start); fi
      echo "device $d $p $s $(cat $b/size)"
      if [ -e $b/dm/name ]; then dmsetup table "$(cat $b/dm/name)" | sed "s/^/table $d /"; fi
    done
    echo "disk $(cat /sys/class/block/$(basename $(readlink -f /dev/disk/guestfs/\(Appliance.diskLabel)))/dev)"
    """

  init(parsing text: String) {
    var tables: [Substring: [Segment]?] = [:]
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      switch fields.first {
      case "device" where fields.count == 5:
        guard let sectors = UInt64(fields[4]), fields[2] != "-", let start = UInt64(fields[3]),
          let segment = Self.segment(from: 0, sectors: sectors, on: fields[2], at: start)
        else { continue }
        devices[fields[1]] = .made(of: [segment])
      case "table" where fields.count >= 7:
        guard fields[4] == "linear", let start = UInt64(fields[2]), let sectors = UInt64(fields[3]),
          let offset = UInt64(fields[6]),
          let segment = Self.segment(from: start, sectors: sectors, on: fields[5], at: offset)
        else {
          tables[fields[1]] = .some(nil)
          continue
        }
        if let known = tables[fields[1], default: []] { tables[fields[1]] = known + [segment] }
      case "disk" where fields.count == 2: devices[fields[1]] = .disk
      default: continue
      }
    }
    for (device, segments) in tables { devices[device] = segments.map { .made(of: $0) } ?? .other }
  }

  private static func segment(
    from start: UInt64, sectors: UInt64, on below: Substring, at offset: UInt64
  ) -> Segment? {
    let limit = UInt64.max / sectorSize / 2
    guard start < limit, sectors < limit, sectors > 0, offset < limit else { return nil }
    return Segment(
      range: start * sectorSize..<(start + sectors) * sectorSize, below: below, offset: offset * sectorSize)
  }

  /// Where the device `number` (`MAJOR:MINOR`) lies on the guest's disk, in its own order; nil if it does not lie
  /// there in linear pieces.
  func places(of number: Substring) -> [Place]? {
    guard case .made(let segments) = devices[number] else { return nil }
    var result: [Place] = []
    for segment in segments {
      guard let places = places(on: segment.below, depth: 1, of: segment) else { return nil }
      result += places
    }
    return result
  }

  /// Where `range` (in bytes) of the device `number` lies on the guest's disk.
  func places(of range: Range<UInt64>, on number: Substring) -> [Place]? {
    let length = range.upperBound - range.lowerBound
    return places(
      on: number, depth: 0, of: Segment(range: 0..<length, below: number, offset: range.lowerBound))
  }

  private func places(on device: Substring, depth: Int, of wanted: Segment) -> [Place]? {
    let length = wanted.range.upperBound - wanted.range.lowerBound
    let (end, overflow) = wanted.offset.addingReportingOverflow(length)
    guard !overflow, depth < Self.maximumDepth else { return nil }
    switch devices[device] {
    case .disk: return [Place(range: wanted.offset..<end, offset: wanted.range.lowerBound)]
    case .made(let segments):
      var result: [Place] = []
      for segment in segments where segment.range.overlaps(wanted.offset..<end) {
        let common = segment.range.clamped(to: wanted.offset..<end)
        let start = wanted.range.lowerBound + (common.lowerBound - wanted.offset)
        let part = Segment(
          range: start..<start + (common.upperBound - common.lowerBound), below: segment.below,
          offset: segment.offset &+ (common.lowerBound - segment.range.lowerBound))
        guard let places = places(on: segment.below, depth: depth + 1, of: part) else { return nil }
        result += places
      }
      return result
    case .other, nil: return nil
    }
  }
}
