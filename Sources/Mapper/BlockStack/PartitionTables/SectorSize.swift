/// The size of a disk's logical sectors, the unit of its partition table.
public enum SectorSize: Int, CaseIterable, Sendable {
  case bytes512 = 512
  case bytes4096 = 4096

  package var bytes: UInt64 { UInt64(rawValue) }
}
