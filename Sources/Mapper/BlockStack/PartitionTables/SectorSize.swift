/// The size of a disk's logical sectors, in which its partition table counts.
public enum SectorSize: Int, CaseIterable, Sendable {
  case bytes512 = 512
  case bytes4096 = 4096

  package var bytes: UInt64 { UInt64(rawValue) }
}
