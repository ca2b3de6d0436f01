import Appliance
import BlockMap
import DiskImage
import Glibc
import SystemPackage

/// Maps a guest's disks and writes the map.
///
/// `isCancelled` is polled. Whoever makes it true must also kill the child processes (`ChildProcesses.kill`), since
/// most of the time is spent waiting for them. Throws `DiskError`, `MapError` or `MapperError`; the output file is
/// then left unchanged.
public func mapDisk(
  _ request: MapRequest, reporter: any Reporter, isCancelled: @escaping @Sendable () -> Bool
) async throws -> Findings {
  let session = ApplianceSession(
    disks: request.disks, options: request.options, keys: request.keys, isVerbose: request.isVerbose,
    isTraced: request.isTraced)
  let draft = try await session.run(reporter: reporter, isCancelled: isCancelled) { examined in
    try check(request.output, isNoneOf: examined.flatMap(\.files))
    try AtomicFile.checkWritable(request.output)
  } body: { (running, draft: MapDraft?) in
    var guest = Guest(running, reporter: reporter, keys: request.keys, isCancelled: isCancelled)
    var draft = draft ?? MapDraft(of: running.disks, maximumMapBytes: request.maximumMapBytes, reporter: reporter)
    draft.findings.launchSeconds += running.launchSeconds
    let mapper = GuestMapper(walker: running.walker.string, method: request.method, options: request.options)
    try mapper.map(&guest, into: &draft)
    try running.end()
    draft.map.isIncomplete = draft.findings.isPartial
    if running.isLast { draft.findings.space = try draft.map.write(to: request.output, isCancelled: isCancelled) }
    return draft
  }
  return draft.findings
}

/// Prevents a mistyped option from overwriting a disk with its own map.
private func check(_ output: FilePath, isNoneOf inputs: [FilePath]) throws(MapError) {
  guard !inputs.contains(where: { isSameFile($0, output) }) else {
    throw .file(output, "the map would overwrite the disk")
  }
}
