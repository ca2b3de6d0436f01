import Glibc
import SystemPackage

/// The kinds of VMDK, by the `createType` of the descriptor.
///
/// The kind is only informative. The extent lines of the descriptor say where and how each range of the disk is stored.
enum CreateType {
  /// In lower case, because products differ in how they write `seSparse`.
  private static let known: Set<String> = [
    "monolithicsparse", "monolithicflat", "twogbmaxextentsparse", "2gbmaxextentsparse", "twogbmaxextentflat",
    "2gbmaxextentflat", "streamoptimized", "custom", "fulldevice", "partitioneddevice",
    "vmfs", "vmfsthin", "vmfspreallocated", "vmfseagerzeroedthick", "vmfssparse", "sesparse",
    "vmfsraw", "vmfsrdm", "vmfsrdmp", "vmfsrawdevicemap", "vmfspassthroughrawdevicemap",
  ]

  /// - Throws: `DiskError` with `ENOTSUP` if the kind is unknown.
  static func check(_ descriptor: Descriptor, path: FilePath) throws(DiskError) {
    guard known.contains(descriptor.createType.lowercased()) else {
      throw DiskError(path, "unknown createType \"\(descriptor.createType.prefix(80))\"", errno: ENOTSUP)
    }
  }
}
