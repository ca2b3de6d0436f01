import Appliance
import BlockMap
import DiskImage
import Glibc
import SystemPackage

/// Maps a guest's disks and writes the map.
///
/// `isCancelled` is polled. Whoever makes it true must also end the child processes (`ChildProcesses.kill`), since most
/// of the time is spent waiting for them. Throws `DiskError`, `MapError` or `MapperError`; the output file is then
/// unchanged.
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
    let guest = Guest(running, reporter: reporter, keys: request.keys, isCancelled: isCancelled)
    var examiner = Examiner(
      guest, method: request.method, options: request.options, mostMapBytes: request.mostMapBytes)
    if let draft { (examiner.map, examiner.findings) = (draft.map, draft.findings) }
    examiner.addLaunchTime(running.launchSeconds)
    try examiner.run(walker: running.walker.string)
    try running.end()
    var map = examiner.map
    if running.isLast { try map.write(to: request.output, isCancelled: isCancelled) }
    return MapDraft(map: map, findings: examiner.findings)
  }
  return draft.findings
}

/// The results after some of the sets of disks.
private struct MapDraft: Sendable {
  var map: BlockMapBuilder
  var findings: Findings
}

/// A slip in the options must not overwrite a disk with its own map.
private func check(_ output: FilePath, isNoneOf inputs: [FilePath]) throws(MapError) {
  guard !inputs.contains(where: { isSameFile($0, output) }) else {
    throw .file(output, "the map would overwrite the disk")
  }
}
