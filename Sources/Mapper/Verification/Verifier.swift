import Appliance
import BlockMap
import Bytes
import Digest
import DiskImage
import FileProof
import Glibc
import Guestfs

/// Compares one filesystem after the other with the map.
struct Verifier {
  /// In KiB: files are read from beginning to end.
  private static let readahead = 1024
  /// The smallest block size, in bytes: a read at the end of a file, and with it the range, is rounded up to at least a
  /// page.
  private static let minimumBlock: UInt64 = 4096

  /// The error that a tool reports for a file that cannot be opened without its key.
  private static let noKey = String(cString: strerror(ENOKEY))

  let guest: Guest
  let files: MapFiles
  let comparer: FileComparer
  /// Like `comparer`, but with what the appliance has written: a journal that it replayed.
  private let replayed: FileComparer
  let found: @Sendable (Verification.Finding) -> Void
  private let arrays: ArrayNames
  /// The most data that is read of a file, in bytes; a file with more is not read.
  private let maximumBytes: UInt64
  private(set) var result = Verification()
  /// Which of the map's objects are in the guest.
  var seen: [Bool]
  /// Devices that could not be examined completely.
  private var unlisted: Set<[UInt8]> = []

  /// - Parameters:
  ///   - disks: the disks as they are.
  ///   - replayed: the disks with what the appliance has written.
  init(
    guest: Guest, files: MapFiles, disks: [any VirtualDisk], replayed: [any VirtualDisk], draft: Draft?,
    found: @escaping @Sendable (Verification.Finding) -> Void
  ) {
    self.guest = guest
    self.files = files
    self.found = found
    comparer = FileComparer(files: files, disks: disks, isCancelled: guest.isCancelled)
    self.replayed = FileComparer(files: files, disks: replayed, isCancelled: guest.isCancelled)
    maximumBytes = max(SparseFiles.minimumLimit, disks.reduce(0) { $0 &+ $1.size })
    arrays = ArrayNames(guest, files)
    seen = draft?.seen ?? [Bool](repeating: false, count: files.map.objects.count)
    if let draft { (result, unlisted) = (draft.result, draft.unlisted) }
  }

  /// The results after some of the sets of disks.
  struct Draft: Sendable {
    let result: Verification
    fileprivate let seen: [Bool]
    fileprivate let unlisted: Set<[UInt8]>
  }

  var draft: Draft { Draft(result: result, seen: seen, unlisted: unlisted) }

  mutating func verify(_ filesystem: Guestfs.Filesystem) throws {
    guard !guest.isCancelled() else { throw MapperError.interrupted }
    let device = arrays.nameInMap(filesystem.mountable)
    let type = String(decoding: filesystem.type, as: UTF8.self)
    guest.reporter.message("verifying filesystem on \(shown(device)) (\(type)) ...")
    do {
      try guest.mount(filesystem, readahead: Self.readahead)
    } catch {
      try guest.checkHelpers()
      guest.reporter.warning(
        "filesystem on \(shown(device)) (\(type)) cannot be mounted: \(guest.reason(error, filesystem))")
      unlisted.insert(device)
      return
    }
    defer { guest.reporter.progress(nil) }
    do {
      var work = FilesystemWork(
        device: device, type: type, space: try guest.addressSpace(of: filesystem),
        blockSize: max(Self.minimumBlock, try blockSize()))
      defer {
        for object in work.undecided { seen[Int(object.rawValue)] = false }
        result.filesystems.append(work.result)
      }
      try list(&work)
      try readFiles(&work)
      try readOthers(&work)
      try explain(&work)
      try readUnlisted(&work)
    } catch let error as GuestfsError {
      // If the appliance is still running, the other filesystems may be in order.
      try guest.checkHelpers()
      // The results so far stay; the rest is not verified.
      guest.reporter.warning(
        "filesystem on \(shown(device)) (\(type)) cannot be verified: \(error.firstLine)")
      unlisted.insert(device)
      result.isIncomplete = true
    }
    try guest.unmount()
  }

  private func blockSize() throws -> UInt64 {
    let text = String(decoding: try guest.appliance.shell("stat -f -c %s /sysroot"), as: UTF8.self)
    return UInt64(text.filter { !$0.isWhitespace }) ?? 0
  }

  private mutating func list(_ work: inout FilesystemWork) throws {
    let failed = try GuestListing(appliance: guest.appliance).list { entry in
      if entry.path.count > FormatLimits.pathBytes {
        if !entry.isDirectory { except(entry.path, .tooLong, in: &work) }
        return
      }
      let kind: ObjectKind = entry.isDirectory ? .directory : .file
      let object = files.find(kind, device: work.device, path: entry.path)
      if let object { seen[Int(object.rawValue)] = true }
      guard !entry.isDirectory else { return }
      // A file may have unwritten space and no data.
      if let space = files.find(.unwritten, device: work.device, path: entry.path) {
        seen[Int(space.rawValue)] = true
      }
      work.add(entry, object: object)
    }
    guard failed > 0 else { return }
    guest.reporter.warning("filesystem on \(shown(work.device)): \(failed) files or directories cannot be examined")
    unlisted.insert(work.device)
  }

  /// Compares what the guest has read while the guest reads on.
  private mutating func readFiles(_ work: inout FilesystemWork) throws {
    var next = 0
    try GuestListing(appliance: guest.appliance).readFiles { digests in
      var jobs: [FileComparer.Job] = []
      for (path, digest) in digests {
        while next < work.files.count, !work.isPath(path, of: next, in: files.map) { next += 1 }
        guard next < work.files.count else { break }
        jobs.append(work.job(next, digest: digest))
        next += 1
      }
      try compare(jobs, in: &work)
    }
  }

  /// Compares the files that were not read together with the others: empty files, very large files, files with paths
  /// longer than a system call accepts, and files that cannot be read.
  private mutating func readOthers(_ work: inout FilesystemWork) throws {
    var empty: [FileComparer.Job] = []
    var others: [Int] = []
    for index in work.files.indices where !work.files[index].isCompared {
      if work.files[index].size == 0 { empty.append(work.job(index, digest: nil)) } else { others.append(index) }
    }
    try compare(empty, in: &work)
    for part in parts(of: others, maximum: SparseFiles.atOnce) {
      let layouts = try layouts(of: part, in: work)
      var wanted: [(file: Int, layout: DataLayout?)] = []
      for (index, layout) in zip(part, layouts) {
        if SparseFiles.isBeyondReach(work.files[index], layout, maximumBytes: maximumBytes) {
          except(index, .tooLarge, in: &work)
        } else {
          wanted.append((index, layout))
        }
      }
      for group in SparseFiles.groups(wanted, bytes: { work.files[$0].size }) { try read(group, in: &work) }
    }
  }

  /// Where the files have data; nil if the filesystem does not say.
  private func layouts(of indices: [Int], in work: FilesystemWork) throws -> [DataLayout?] {
    // filefrag(8) must ask other filesystems block by block.
    guard work.knownType.reportsHoles else { return indices.map { _ in nil } }
    return zip(indices, try ask(indices, in: work) { _, _ in .layout }).map { index, lines in
      // A small file is read whole.
      work.files[index].size < SparseFiles.minimum ? nil : DataLayout(parsing: lines, size: work.files[index].size)
    }
  }

  private mutating func read(_ wanted: [(file: Int, layout: DataLayout?)], in work: inout FilesystemWork) throws {
    var jobs: [FileComparer.Job] = []
    var refused: [(file: Int, reason: String)] = []
    let bytes = wanted.reduce(0) { $0 &+ ($1.layout?.bytes ?? work.files[$1.file].size) }
    // A slow disk delivers a megabyte per second.
    let limit = GuestQuestions.patience + Int(clamping: bytes >> 20)
    let answers = try ask(wanted.map(\.file), in: work, limit: limit) { position, _ in
      .digest(of: wanted[position].layout)
    }
    for ((index, layout), lines) in zip(wanted, answers) {
      let line = lines.first ?? "! its directory cannot be opened"
      if line == "! \(Self.noKey)" {
        except(index, .encrypted, in: &work)
      } else if line.hasPrefix("! ") {
        refused.append((index, String(line.dropFirst(2))))
      } else {
        // Anything but a digest equals no digest.
        let digits = Array(line.utf8.prefix(2 * Blake2b.size))
        jobs.append(work.job(index, digest: digits.hexDecoded ?? [], layout: layout))
      }
    }
    try compare(jobs, in: &work)
    for (file, reason) in try readByTable(refused, in: &work) { except(file, .unreadable, because: reason, in: &work) }
  }

  private mutating func compare(_ jobs: [FileComparer.Job], in work: inout FilesystemWork) throws {
    let check = work.space.isFollowed ? CopyCheck(table: work.space.table, device: work.space.device) : nil
    let problems = try comparer.problems(of: jobs, check, blockSize: work.blockSize)
    // What was written during the mount comes from the filesystem's journal, and the guest will find it there, too.
    let doubtful = zip(jobs, problems).filter { $0.1 != nil }.map(\.0)
    let again = try replayed.problems(of: doubtful, check, blockSize: work.blockSize)
    let isRight = Set(zip(doubtful, again).lazy.filter { $0.1 == nil }.map(\.0.index))
    for (job, problem) in zip(jobs, problems) {
      work.files[job.index].isCompared = true
      if let problem, !isRight.contains(job.index) {
        work.suspects.append(FilesystemWork.Suspect(file: job.index, reason: problem))
      } else {
        work.result.proved += 1
        work.files[job.index].isDecided = true
      }
      work.bytesDone &+= min(work.files[job.index].size, work.files[job.index].allocated)
    }
    guest.reporter.progress(work.progress)
  }

  /// Asks the filesystem why files cannot be rebuilt from the map.
  private mutating func explain(_ work: inout FilesystemWork) throws {
    for part in parts(of: work.suspects) {
      for (suspect, explanation) in zip(part, try explanations(of: part, in: work)) {
        switch explanation {
        case .excepted(let exception): except(suspect.file, exception, in: &work)
        case .none(let seen):
          work.files[suspect.file].isDecided = true
          // If only the bytes are wrong, the file's extents may show what is missing.
          let detail = suspect.reason == FileRebuild.differs ? seen.map { ": \($0)" } ?? "" : ""
          work.result.wrong += 1
          let path = work.path(of: suspect.file, in: files.map)
          found(
            Verification.Finding(isWrong: true, device: work.device, path: path, reason: suspect.reason + detail))
        }
      }
    }
  }

  private func explanations(
    of suspects: [FilesystemWork.Suspect], in work: FilesystemWork
  ) throws -> [Explanation] {
    let indices = suspects.map(\.file)
    let ranges = { (index: Int) in work.files[index].object.map { files.ranges(of: $0) } ?? [] }
    switch work.knownType.evidence {
    case .compression:
      return suspects.map { _ in .excepted(.compressed) }
    case .fileTable:
      let answers = try ask(indices, in: work) { .attribute(inode: work.files[$1].inode) }
      return zip(suspects, answers).map { suspect, lines in
        Explanation(attribute: lines, ranges: ranges(suspect.file))
      }
    case .extents:
      let check = ExtentCheck(table: work.space.table, device: work.space.device)
      return zip(suspects, try ask(indices, in: work) { _, _ in .extents }).map { suspect, lines in
        check.explain(
          lines.compactMap { GuestExtent(line: $0) }, size: work.files[suspect.file].size, ranges: ranges(suspect.file))
      }
    }
  }

  /// Splits a list into parts that the appliance is asked about at once.
  private func parts<T>(of all: [T], maximum: Int = GuestQuestions.maximum) -> some Sequence<[T]> {
    stride(from: 0, to: all.count, by: maximum).lazy.map { start in Array(all[start..<min(all.count, start + maximum)])
    }
  }

  /// - Parameter question: makes the question about a file from its position in `indices` and its index.
  private func ask(
    _ indices: [Int], in work: FilesystemWork, limit: Int = GuestQuestions.patience,
    _ question: (Int, Int) -> GuestQuestions.Question
  ) throws -> [[Substring]] {
    guard !guest.isCancelled() else { throw MapperError.interrupted }
    return try GuestQuestions(appliance: guest.appliance).ask(
      indices.enumerated().map { (question($0, $1), work.path(of: $1, in: files.map)) }, limit: limit)
  }

  private func except(
    _ file: Int, _ exception: ProofException, because reason: String? = nil, in work: inout FilesystemWork
  ) {
    work.files[file].isDecided = true
    except(work.path(of: file, in: files.map), exception, because: reason, in: &work)
  }

  func except(
    _ path: [UInt8], _ exception: ProofException, because reason: String? = nil,
    in work: inout FilesystemWork
  ) {
    work.result.excepted[exception, default: 0] += 1
    let text = exception.rawValue + (reason.map { ": \($0)" } ?? "")
    found(Verification.Finding(isWrong: false, device: work.device, path: path, reason: text))
  }

  /// Looks for what is only in the map, and for what the map says is unallocated and in use.
  mutating func finish() {
    var indices: [[UInt8]: Int] = [:]
    for (index, filesystem) in result.filesystems.enumerated() { indices[filesystem.device] = index }
    for object in files.map.objects.ids where !seen[Int(object.rawValue)] {
      let named = files.map.objects[object]
      guard [.file, .directory, .unwritten].contains(named.kind), let path = named.path, !isSeenAsFile(named) else {
        continue
      }
      let index = result.index(of: named.device, &indices)
      if unlisted.contains(named.device) {
        result.filesystems[index].unverified += 1
        result.isIncomplete = true
      } else {
        result.filesystems[index].wrong += 1
        found(
          Verification.Finding(isWrong: true, device: named.device, path: path, reason: "it is not in the guest"))
      }
    }
    reportOverlaps(&indices)
  }

  /// Whether this is the unwritten space of a file that is in the guest.
  private func isSeenAsFile(_ named: MappedObject) -> Bool {
    guard named.kind == .unwritten, let path = named.path else { return false }
    return files.find(.file, device: named.device, path: path).map { seen[Int($0.rawValue)] } ?? false
  }

  /// Reports what the map says is unallocated and in use.
  private mutating func reportOverlaps(_ indices: inout [[UInt8]: Int]) {
    let overlaps = UnallocatedOverlaps(files.map)
    for overlap in overlaps.listed {
      let named = files.map.objects[overlap.object]
      found(
        Verification.Finding(
          isWrong: true, device: named.device, path: named.path ?? [], reason: overlap.reason))
    }
    for (device, count) in overlaps.counts { result.filesystems[result.index(of: device, &indices)].wrong += count }
    if overlaps.unlisted > 0 {
      guest.reporter.warning("\(overlaps.unlisted) more ranges of the map are also unallocated")
    }
  }
}
