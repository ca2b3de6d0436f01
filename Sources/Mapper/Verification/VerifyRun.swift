import Appliance
import BlockMap
import DiskImage
import SystemPackage

/// Verifies a map against its disks: reads every file in the guest, rebuilds it from the map and the disks, and
/// compares the two.
///
/// `found` is called with each file that is wrong or excepted, in the order in which they are found. `isCancelled`
/// works as for `mapDisk`. Throws `DiskError`, `MapError`, `MapperError` or `VerifyError`.
public func verifyMap(
  _ request: VerifyRequest, reporter: any Reporter, isCancelled: @escaping @Sendable () -> Bool,
  found: @escaping @Sendable (Verification.Finding) -> Void
) async throws -> Verification {
  let map = try BlockMap(contentsOf: request.map)
  let session = ApplianceSession(
    disks: request.disks, options: request.options, keys: request.keys, isVerbose: request.isVerbose,
    isTraced: request.isTraced)
  let draft = try await session.run(reporter: reporter, isCancelled: isCancelled) { examined in
    try check(map, isOf: examined.map(\.size), request)
  } body: { (running, draft: Verifier.Draft?) in
    try check(map, isOf: running.disks.map(\.size), request)
    var guest = Guest(running, reporter: reporter, keys: request.keys, isCancelled: isCancelled)
    let names = try guest.findDisks()
    try guest.openEncryptedDevices(on: names)
    try guest.readDevices()
    try guest.settleAmbivalentDevices()
    let disks = try running.disks.enumerated().map { index, disk in
      // The server may accept only one client, and that is the recorder.
      try disk.isNBDSource
        ? running.openRecorded(index + 1, isCancelled: isCancelled)
        : disk.open(request.options, isCancelled: isCancelled)
    }
    defer { for disk in disks { disk.close() } }
    let recorded = try guest.openRecordedDisks()
    defer { for disk in recorded { disk.close() } }
    var verifier = Verifier(
      guest: guest, files: MapFiles(map), disks: guest.decrypted(disks),
      replayed: guest.decrypted(recorded), draft: draft, found: found)
    for filesystem in try guest.listFilesystems() { try verifier.verify(filesystem) }
    if running.isLast { verifier.finish() }
    try running.end()
    return verifier.draft
  }
  return draft.result
}

/// Checks that the disks are those that the map's header describes, as far as it describes them.
/// - Parameter sizes: in bytes; nil for a disk whose size is not known yet.
private func check(_ map: BlockMap, isOf sizes: [UInt64?], _ request: VerifyRequest) throws(VerifyError) {
  guard map.hasOffsets else {
    throw VerifyError(request.map, "a map of the format of 2014 does not say which part of a file a range holds")
  }
  guard map.disks.count == sizes.count else {
    throw VerifyError(request.map, "a map of \(map.disks.count) disks, and \(sizes.count) given")
  }
  for (index, described) in map.disks.enumerated() {
    guard let size = sizes[index], described.size != size else { continue }
    throw VerifyError(
      request.map, "a map of a disk of \(described.size) bytes; \(shown(request.disks[index].name)) has \(size)")
  }
}

/// Why a map cannot be verified against a disk.
public struct VerifyError: Error, CustomStringConvertible, Sendable {
  /// A single line.
  public let description: String

  init(_ map: FilePath, _ reason: String) { description = "\(shown(map.bytes)): \(reason)" }
}
