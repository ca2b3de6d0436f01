import Glibc
import SystemPackage

/// The kinds of VMDK, by the descriptor's `createType`.
///
/// The kind is for people. What a range of the disk is read from, and how, is said by its extent's line.
enum CreateType {
  /// In lower case: products differ in how they write `seSparse`.
  private static let known: Set<String> = [
    "monolithicsparse", "monolithicflat", "twogbmaxextentsparse", "2gbmaxextentsparse", "twogbmaxextentflat",
    "2gbmaxextentflat", "streamoptimized", "custom", "fulldevice", "partitioneddevice",
    "vmfs", "vmfsthin", "vmfspreallocated", "vmfseagerzeroedthick", "vmfssparse", "sesparse",
    "vmfsraw", "vmfsrdm", "vmfsrdmp", "vmfsrawdevicemap", "vmfspassthroughrawdevicemap",
  ]

  /// - Throws: `DiskError` with `ENOTSUP` for a kind that is not known.
  static func check(_ descriptor: Descriptor, path: FilePath) throws(DiskError) {
    guard known.contains(descriptor.createType.lowercased()) else {
      throw DiskError(path, "unknown createType \"\(descriptor.createType.prefix(80))\"", errno: ENOTSUP)
    }
  }
}
