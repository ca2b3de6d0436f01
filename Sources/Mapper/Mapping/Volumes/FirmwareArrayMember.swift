import BlockStack
import Bytes

/// A disk of an array whose metadata is made by firmware: DDF ("Common RAID Disk Data Format") or Intel's IMSM. Both
/// have an anchor at the end of the disk that says where the rest is.
enum FirmwareArrayMember {
  /// Prints what `areas(parsing:)` parses, for the device `$d`: its size, and the last two sectors in hexadecimal.
  static let script = """
    n=$(blockdev --getsize64 $d); echo "size $n"
    dd if=$d bs=512 skip=$((n / 512 - 2)) count=2 2>/dev/null | od -An -v -tx1 | sed 's/^/end/'
    """

  private static let sector: UInt64 = 512

  static func areas(parsing lines: [Substring]) -> [DeviceArea] {
    var size: UInt64?
    var bytes: [UInt8] = []
    for line in lines.prefix(100) {
      let fields = line.fields
      switch fields.first {
      case "size" where fields.count == 2: size = UInt64(fields[1])
      case "end": bytes += fields.dropFirst().compactMap { UInt8($0, radix: 16) }
      default: continue
      }
    }
    guard let size, size >= 2 * sector, bytes.count == 1024 else { return [] }
    return imsm(bytes, size) ?? ddf(Array(bytes[512...]), size) ?? []
  }

  /// The anchor of IMSM is in the last sector but one. What does not fit in there is before it.
  private static func imsm(_ bytes: [UInt8], _ size: UInt64) -> [DeviceArea]? {
    guard bytes.has(Array("Intel Raid ISM Cfg Sig. ".utf8), at: 0) else { return nil }
    let length = bytes.little(at: 36, width: 4)
    let sectors = max(1, (length + sector - 1) / sector)
    guard let count = sectors.plus(1)?.times(sector), count <= size else { return nil }
    var areas: [DeviceArea] = []
    areas.add("IMSM metadata", at: size - count, count: sectors * sector)
    return areas
  }

  /// The anchor of DDF is in the last sector. It has the sector numbers of the two headers and of a work space, which
  /// are all at the end of the disk. The numbers are big-endian.
  private static func ddf(_ anchor: [UInt8], _ size: UInt64) -> [DeviceArea]? {
    guard anchor.has([0xde, 0x11, 0xde, 0x11], at: 0) else { return nil }
    let starts = [96, 104, 120].compactMap { offset -> UInt64? in
      let number = anchor.big(at: offset, width: 8)
      // A header that does not exist has a number of ones.
      return number > 0 ? number.times(sector).flatMap { $0 < size ? $0 : nil } : nil
    }
    guard let start = starts.min() else { return nil }
    var areas: [DeviceArea] = []
    areas.add("DDF metadata", at: start, count: size - start)
    return areas
  }
}
