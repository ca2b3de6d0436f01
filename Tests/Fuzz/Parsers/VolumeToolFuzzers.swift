@testable import FileProof
@testable import Mapping

/// The tools' output about partition tables and volumes, and about files when a map is verified.
extension ParserFuzzer {
  static let volumeMetadata = ParserFuzzer(text: "volume-metadata") { text in
    let lines = text.split(separator: "\n")
    for type in ["LVM2_member", "linux_raid_member", "ddf_raid_member", "crypto_LUKS"] {
      try checkAreas(VolumeHeader(type: type[...])?.areas(parsing: lines) ?? [])
    }
    try checkAreas(PhysicalVolumes(parsing: lines).areas(on: "8:1", size: 1 << 30, besides: []))
  }

  static let partitionTable = ParserFuzzer(text: "partition-table") { text in
    try checkAreas(PartitionTableAreas.areas(parsing: text.split(separator: "\n")))
  }

  /// The lines that filefrag(8) prints.
  static let guestExtent = ParserFuzzer(text: "guest-extent") { text in
    for line in text.split(separator: "\n") {
      guard let extent = GuestExtent(line: line) else { continue }
      try check(!extent.logical.isEmpty, "an empty extent")
      try check(!extent.physical.addingReportingOverflow(UInt64(extent.logical.count)).overflow, "\(extent)")
    }
  }
}
