import Glibc
import SystemPackage

/// The kinds of VMDK, by the descriptor's `createType`.
enum CreateType {
  private static let readable: Set<String> = [
    "monolithicSparse", "monolithicFlat",
    "twoGbMaxExtentSparse", "2GbMaxExtentSparse", "twoGbMaxExtentFlat", "2GbMaxExtentFlat",
  ]

  private static let known: Set<String> = [
    "streamOptimized", "custom", "fullDevice", "partitionedDevice",
    "vmfs", "vmfsThin", "vmfsPreallocated", "vmfsEagerZeroedThick", "vmfsSparse", "seSparse",
    "vmfsRaw", "vmfsRDM", "vmfsRDMP", "vmfsRawDeviceMap", "vmfsPassthroughRawDeviceMap",
  ]

  /// - Throws: `DiskError` with `ENOTSUP` for a kind that cannot be read yet, or is not known.
  static func check(_ descriptor: Descriptor, path: FilePath) throws(DiskError) {
    let type = descriptor.createType
    guard readable.contains(type) else {
      throw DiskError(
        path, known.contains(type) ? "createType \(type) is not supported yet" : "unknown createType \"\(type)\"",
        errno: ENOTSUP)
    }
    guard descriptor.parentCID == Descriptor.noParent else {
      throw DiskError(
        path,
        "is a snapshot over another disk (parentCID \(String(descriptor.parentCID, radix: 16))): "
          + "this is not supported yet", errno: ENOTSUP)
    }
  }
}
