import BlockStack
import Bytes
import Filesystems

/// Finds the parts of a device that a volume manager reserves for its own metadata, and what it leaves unused.
enum VolumeHeader {
  case lvm, array, firmwareArray, luks, bitLocker

  /// Takes the name that blkid(8) has for the type; nil for other types.
  init?(type: Substring) {
    switch type {
    case "LVM2_member": self = .lvm
    case "linux_raid_member": self = .array
    case "ddf_raid_member", "isw_raid_member": self = .firmwareArray
    case "crypto_LUKS": self = .luks
    case "BitLocker": self = .bitLocker
    default: return nil
    }
  }

  /// Prints what `areas(parsing:)` parses, for the device `$d`: lines printed by pvck(8), mdadm(8) or cryptsetup(8).
  var script: String {
    switch self {
    case .lvm:
      """
      timeout 600 lvm pvck --dump headers $d | sed -nE \
        's/^ *(label_header) at ([0-9]+)$/\\1: \\2/p
        s/^ *(mda_header_[0-9]+)\\.(start|size) ([0-9]+)$/\\1.\\2: \\3/p'
      """
    case .array: ArrayMember.script
    case .firmwareArray: FirmwareArrayMember.script
    case .luks:
      """
      echo "Device Size: $(blockdev --getsize64 $d)"
      timeout 600 cryptsetup luksDump $d | sed -nE \
        's/^Payload offset:[[:space:]]*([0-9]+)$/Payload offset: \\1/p
        /^Data segments:/,/^Keyslots:/ { s/^[[:space:]]+offset: ([0-9]+) \\[bytes\\]$/Segment: \\1/p
        s/^[[:space:]]+length: ([0-9]+) \\[bytes\\]$/Length: \\1/p; s/^[[:space:]]+sector: ([0-9]+) .*/Sector: \\1/p; }'
      """
    case .bitLocker:
      """
      timeout 600 cryptsetup bitlkDump $d | sed -nE '/^Metadata segments:/,$ {
        s/^ *([0-9]+): FVE metadata area$/area \\1/p; s/^ *([0-9]+): Volume header$/header \\1/p
        s/^[[:space:]]*(Offset|Size):[[:space:]]*([0-9]+) \\[bytes\\]$/\\1 \\2/p; }'
      """
    }
  }

  /// The program that the script needs.
  var tool: String {
    switch self {
    case .lvm: "lvm"
    case .array, .firmwareArray: "mdadm"
    case .luks, .bitLocker: "cryptsetup"
    }
  }

  private static let sector: UInt64 = 512

  func areas(parsing lines: [Substring]) -> [DeviceArea] {
    let numbers = ToolNumbers(lines)
    var areas: [DeviceArea] = []
    switch self {
    case .lvm:
      areas.add("LVM label", at: numbers["label_header"], count: Self.sector)
      for number in 1...2 {
        guard let size = numbers["mda_header_\(number).size"] else { continue }
        areas.add(
          number == 1 ? "LVM metadata" : "LVM metadata 2", at: numbers["mda_header_\(number).start"], count: size)
      }
    case .array: areas = ArrayMember(numbers)?.areas ?? []
    case .firmwareArray: areas = FirmwareArrayMember.areas(parsing: lines)
    case .luks:
      guard let end = numbers["Payload offset"]?.times(Self.sector) ?? numbers["Segment"] else { break }
      areas.add("LUKS header", at: 0, count: end)
      areas += unusedOfLUKS(numbers, from: end)
    case .bitLocker: areas = bitLockerAreas(lines)
    }
    return areas
  }

  /// What is behind the encrypted data. LUKS encrypts whole sectors, up to the end of the device or as far as the
  /// header says.
  private func unusedOfLUKS(_ numbers: ToolNumbers, from start: UInt64) -> [DeviceArea] {
    let sector = numbers["Sector"] ?? Self.sector
    guard let size = numbers["Device Size"], start < size, sector > 0 else { return [] }
    let length = min(numbers["Length"] ?? .max, size - start)
    return UnusedSpace.areas(of: start..<size, without: [start..<start + length / sector * sector])
  }

  /// The three copies of BitLocker's metadata, and the start of the device, whose encrypted content is elsewhere: as
  /// much as is in the segment `Volume header`.
  private func bitLockerAreas(_ lines: [Substring]) -> [DeviceArea] {
    var areas: [DeviceArea] = []
    var isHeader = false
    var start: UInt64?
    for line in lines.prefix(100) {
      let fields = line.fields
      guard fields.count == 2, let number = UInt64(fields[1]) else { continue }
      switch fields[0] {
      case "area", "header": (isHeader, start) = (fields[0] == "header", nil)
      case "Offset": start = number
      case "Size":
        if isHeader {
          areas.add("BitLocker header", at: 0, count: number)
        } else {
          areas.add("BitLocker metadata", at: start, count: number)
        }
      default: continue
      }
    }
    return areas
  }
}
