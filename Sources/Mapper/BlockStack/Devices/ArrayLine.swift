import Bytes

/// An md array as /sys/block/mdN/md describes it; see md(4) and the kernel's documentation of md.
package struct ArrayLine {
  private struct Member {
    var slot: Int
    var leg: Target.Leg
    /// In bytes.
    var size: UInt64
  }

  /// The minimum chunk size in bytes that md accepts for RAID 10.
  private static let minimumChunk: UInt64 = 4096

  private let level: Substring
  private let layout: Int
  /// In bytes.
  private let chunk: UInt64
  private let disks: Int
  private let isReshaping: Bool
  private var members: [Member] = []
  private var isDamaged = false

  /// `array NUMBER LEVEL LAYOUT CHUNK DISKS RESHAPE`
  package init?(_ fields: [Substring]) {
    guard fields.count == 7, let layout = Int(fields[3]), let chunk = UInt64(fields[4]), let disks = Int(fields[5]),
      disks > 0, disks <= 4096, chunk <= Target.maximumChunk
    else { return nil }
    level = fields[2]
    self.layout = layout
    self.chunk = chunk
    self.disks = disks
    isReshaping = fields[6] != "none"
  }

  /// `member ARRAY NUMBER SLOT OFFSET SIZE STATE`
  package mutating func add(_ fields: [Substring]) {
    // A spare has no slot. A failed member, or one that is being rebuilt, does not hold the array's data.
    guard let slot = Int(fields[3]), fields[6].contains("in_sync") || level == "raid0" || level == "linear" else {
      return
    }
    guard (0..<disks).contains(slot), !members.contains(where: { $0.slot == slot }),
      let offset = DeviceTableParser.bytes(sectors: fields[4]), let size = UInt64(fields[5]), size <= 1 << 50
    else {
      isDamaged = true
      return
    }
    members.append(Member(slot: slot, leg: Target.Leg(device: fields[2], offset: offset), size: size * 1024))
  }

  /// Why an array cannot be followed, as a clause for a message; nil for a container, which only has other arrays in it.
  package var problem: String? {
    if level == "container" || level == "none" { return nil }
    if isReshaping { return "it is being reshaped to another layout (\(level), \(disks) devices)" }
    if level == "raid10", layout & 0xff > 1, layout >> 8 & 0xff > 1 {
      // The lower bit says that the far copies are offset copies, the others that they stay in sets of devices.
      let others = layout >> 16 & 1 == 1 ? "offset copies" : "far copies in sets of devices"
      return "RAID 10 with \(layout & 0xff) near and \(layout >> 8 & 0xff) \(others) at once is not supported"
    }
    return "its level or layout is not supported (\(level), layout \(layout), \(disks) devices)"
  }

  /// The parts of devices that hold data of the array, in bytes.
  package var usedRanges: [(device: Substring, range: Range<UInt64>)] {
    members.compactMap { member in
      member.leg.offset.plus(member.size).map { (member.leg.device, member.leg.offset..<$0) }
    }
  }

  /// What the array is made of; nil if its level or layout is not supported, a number is invalid, or it is being
  /// reshaped.
  /// - Parameter size: size of the array, in bytes.
  package func segments(size: UInt64) -> [DeviceTable.Segment]? {
    guard !isDamaged, !isReshaping, size > 0 else { return nil }
    if level == "linear" { return linear(size: size) }
    if level == "raid0", chunk > 0, members.count == disks, Set(members.map { $0.size / chunk }).count > 1 {
      // Old arrays do not record their layout (0). The kernel then uses raid0.default_layout, which is not known
      // here.
      return StripeZones.Layout(rawValue: layout).flatMap { layout in
        let devices = members.sorted { $0.slot < $1.slot }
          .map { StripeZones.Device(leg: $0.leg, size: $0.size / chunk) }
        return StripeZones.segments(devices, layout, chunk: chunk, size: size)
      }
    }
    return target(size: size).map { [DeviceTable.Segment(range: 0..<size, target: $0)] }
  }

  private var legs: [Target.Leg?] {
    var legs = [Target.Leg?](repeating: nil, count: disks)
    for member in members { legs[member.slot] = member.leg }
    return legs
  }

  private func target(size: UInt64) -> Target? {
    switch level {
    case "raid1": return .mirrored(legs)
    case "raid0" where chunk > 0 && Set(members.map { $0.size / chunk }).count == 1:
      return .striped(chunk: chunk, legs)
    case "raid10" where chunk >= Self.minimumChunk:
      return RAID10Layout(number: layout, devices: disks, chunks: size / chunk).map {
        .copied(chunk: chunk, $0, legs)
      }
    case "raid4" where chunk > 0 && disks > 1: return .parity(chunk: chunk, .last(parities: 1), legs)
    case "raid5" where chunk > 0 && disks > 1:
      return ParityLayout(number: layout, parities: 1).map { .parity(chunk: chunk, $0, legs) }
    case "raid6" where chunk > 0 && disks > 2:
      return ParityLayout(number: layout, parities: 2).map { .parity(chunk: chunk, $0, legs) }
    default: return nil
    }
  }

  private func linear(size: UInt64) -> [DeviceTable.Segment]? {
    guard members.count == disks else { return nil }
    var start: UInt64 = 0
    var segments: [DeviceTable.Segment] = []
    for member in members.sorted(by: { $0.slot < $1.slot }) {
      let end = min(start + (chunk > 0 ? member.size / chunk * chunk : member.size), size)
      if start < end { segments.append(DeviceTable.Segment(range: start..<end, target: .linear(member.leg))) }
      start = end
    }
    return start == size ? segments : nil
  }
}
