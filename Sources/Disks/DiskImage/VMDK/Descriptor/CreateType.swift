import Glibc
import SystemPackage

/// The kinds of VMDK, by the `createType` of the descriptor.
///
/// The kind is only informative. The extent lines of the descriptor say where and how each range of the disk is stored.
public enum CreateType {
  /// The kinds that can be read.
  public static let names = [
    "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "streamOptimized", "vmfs",
    "vmfsThin", "vmfsSparse", "seSparse", "vmfsRaw", "vmfsRDM", "vmfsRDMP", "fullDevice", "partitionedDevice", "custom",
  ]
  /// Other names of some of them.
  private static let aliases = [
    "2GbMaxExtentSparse", "2GbMaxExtentFlat", "vmfsPreallocated", "vmfsEagerZeroedThick", "vmfsRawDeviceMap",
    "vmfsPassthroughRawDeviceMap",
  ]
  /// In lower case, because products differ in how they write `seSparse`.
  private static let known = Set((names + aliases).map { $0.lowercased() })

  /// - Throws: `DiskError` with `ENOTSUP` if the kind is unknown.
  static func check(_ descriptor: Descriptor, path: FilePath) throws(DiskError) {
    guard known.contains(descriptor.createType.lowercased()) else {
      throw DiskError(path, "unknown createType \"\(descriptor.createType.prefix(80))\"", errno: ENOTSUP)
    }
  }
}
