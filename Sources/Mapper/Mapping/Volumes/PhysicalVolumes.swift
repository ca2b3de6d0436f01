import BlockStack
import Bytes

/// What LVM uses its physical volumes for.
struct PhysicalVolumes {
  /// A run of extents of a physical volume that a logical volume uses, or that are free.
  private struct Segment {
    /// In bytes of the physical volume.
    var range: Range<UInt64>
    /// The offset in the logical volume, in bytes.
    var offset: UInt64
    /// `GROUP/VOLUME`, or empty if the extents are free.
    var volume: String
    /// Whether the volume holds LVM's own data, and has no name of its own.
    var isMetadata: Bool
  }

  private var segments: [String: [Segment]] = [:]

  /// The segments of all physical volumes. A hostile group may have many.
  private static let maximumSegments = 1 << 20

  /// Prints what `init(parsing:)` parses.
  /// - Parameter options: options for lvm(8).
  static func script(_ options: String) -> String {
    """
    timeout 600 lvm pvs --segments --noheadings --units b --nosuffix --separator / \(options) -o \
      pv_major,pv_minor,pe_start,vg_extent_size,pvseg_start,pvseg_size,seg_start,vg_name,lv_name,lv_role 2>/dev/null |
      sed 's/^ */pv\\//' | head -c 100000000
    """
  }

  /// Whether a volume with these roles holds LVM's own data. What is in a cache is a copy, or on its way to the volume.
  /// A volume that is used as a cache (cachevol) has no role, only a name.
  private static func isMetadata(_ name: String, _ roles: [Substring]) -> Bool {
    roles.contains("private")
      && (roles.contains { ["metadata", "spare", "log"].contains($0) } || name.hasSuffix("_cvol")
        || roles.contains { ["cache", "writecache"].contains($0) } && !roles.contains { $0.hasSuffix("origin") })
  }

  init(parsing lines: [Substring]) {
    var count = 0
    for line in lines where count < Self.maximumSegments {
      let fields = line.parts(between: "/", omittingEmptySubsequences: false)
      guard fields.count == 11, fields[0] == "pv", let major = UInt32(fields[1]), let minor = UInt32(fields[2]) else {
        continue
      }
      let number = "\(major):\(minor)"
      // A physical volume that is in no group has no extents.
      segments[number, default: []] += []
      guard let base = UInt64(fields[3]), let extent = UInt64(fields[4]), let first = UInt64(fields[5]),
        let length = UInt64(fields[6])?.times(extent), length > 0, let start = first.times(extent)?.plus(base),
        let end = start.plus(length)
      else { continue }
      count += 1
      // The name of a hidden volume is in brackets.
      let name = fields[9].filter { $0 != "[" && $0 != "]" }
      let roles = fields[10].parts(between: ",")
      segments[number]?.append(
        Segment(
          range: start..<end, offset: UInt64(fields[7]) ?? 0, volume: name.isEmpty ? "" : "\(fields[8])/\(name)",
          isMetadata: Self.isMetadata(name, roles)))
    }
  }

  /// The hidden volumes in which LVM keeps its own data, and the space that no volume uses; empty if LVM does not know
  /// the physical volume.
  /// - Parameters:
  ///   - number: the device, `MAJOR:MINOR`.
  ///   - size: the size of the device, in bytes.
  ///   - header: the label and the metadata.
  func areas(on number: String, size: UInt64, besides header: [DeviceArea]) -> [DeviceArea] {
    guard let segments = segments[number] else { return [] }
    let used = segments.filter { !$0.volume.isEmpty }
    let metadata = used.filter(\.isMetadata).map {
      DeviceArea(name: $0.volume, range: $0.range, offset: $0.offset)
    }
    return metadata + UnusedSpace.areas(of: 0..<size, without: used.map(\.range) + header.map(\.range))
  }
}
