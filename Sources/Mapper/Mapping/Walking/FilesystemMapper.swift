import Appliance
import BlockMap
import BlockStack
import Filesystems
import Glibc
import Guestfs
import WalkAssembly
import WalkRecord

/// Maps the files and directories of filesystems.
///
/// A filesystem may be wrong about where its files are, or virt-bmap about the volumes below it. So the method `auto`
/// also reads some files as a proof. If a read contradicts the filesystem or, where the proof was incomplete, the
/// file's bytes differ from those on the disks, the filesystem is walked again by reading all files. If files were
/// found by reading, the bytes of some are compared with the disks, and wrong files are left out of the map with a
/// warning.
struct FilesystemMapper {
  let method: MapMethod

  /// Adds the files of a filesystem to the map. On failure, warns and counts it in the findings.
  func map(_ filesystem: Guestfs.Filesystem, of guest: inout Guest, into draft: inout MapDraft) throws {
    guest.doneDevices.insert(filesystem.mountable)
    guest.reporter.message("examining \(filesystem.title) ...")
    if filesystem.knownType.hasLogicalAddresses, let number = guest.inventory.number(under: filesystem.mountable) {
      draft.usedData[number, default: BtrfsUsedData()].begin()
    }
    do {
      try guest.mount(filesystem)
    } catch {
      try guest.checkHelpers()
      draft.findings.notMounted += 1
      guest.reporter.warning("\(filesystem.title) cannot be mounted: \(guest.reason(error, filesystem))")
      return
    }
    let start = ContinuousClock.now
    let result: WalkAssembler?
    do {
      try guest.warnOfMissingDevices(of: filesystem)
      result = try walked(filesystem, of: guest, &draft)
    } catch let error as GuestfsError {
      // If the appliance is still running, the other filesystems may be fine.
      try guest.checkHelpers()
      try guest.unmount()
      draft.findings.notMounted += 1
      guest.reporter.warning("\(filesystem.title) cannot be examined: \(error.firstLine)")
      return
    }
    guard let walk = result else { return }
    draft.findings.walkSeconds += (ContinuousClock.now - start) / .seconds(1)
    report(walk, of: filesystem, &draft)
    let left = walk.add(to: &draft.map, device: filesystem.mountable, isCancelled: guest.isCancelled)
    guard !guest.isCancelled() else { throw MapperError.interrupted }
    guard !draft.map.isTooLarge else { throw MapError.tooLarge(draft.map.maximumBytes) }
    if left > 0 {
      draft.warnOfGap("filesystem on \(filesystem.shownName): \(left) paths are too long for a map")
    }
    draft.findings.filesystems += 1
    draft.findings.directories += walk.tree.directories
    draft.findings.files += walk.tree.files
  }

  /// Walks the mounted filesystem, using `method` if possible, and unmounts it.
  /// - Returns: nil, after a warning, if the filesystem cannot be walked.
  private func walked(
    _ filesystem: Guestfs.Filesystem, of guest: Guest, _ draft: inout MapDraft
  ) throws -> WalkAssembler? {
    let name = filesystem.shownName
    let space = try guest.addressSpace(of: filesystem)
    let run = FilesystemWalk(guest: guest, filesystem: filesystem, maximumMapBytes: draft.map.maximumBytes)
    let proof = ReadProof(guest: guest, filesystem: filesystem, space: space)
    var method = method
    if filesystem.knownType.hasLogicalAddresses, space.tree == nil || !space.isFollowed {
      // Reading files does not find what Btrfs stores in its trees, so the map would lack it.
      draft.warnOfGap(
        "filesystem on \(name) (btrfs): its trees cannot be read: small files and attributes stored in them are not in the map"
      )
    }
    while true {
      if method != .read, !space.isFollowed {
        guest.reporter.detail("\(name): the volumes below are not supported; reading all files instead")
        method = .read
      }
      var walk: WalkAssembler
      switch try run.run(method) {
      case .success(let finished): walk = finished
      case .failure(.notWalked(let reason)):
        draft.findings.notMounted += 1
        guest.reporter.warning("\(filesystem.title) cannot be walked: \(reason)")
        return nil
      case .failure(.notCredible(let reason)):
        draft.warnOfGap("\(filesystem.title): \(reason); its files are not in the map")
        return nil
      }
      BtrfsItems(guest: guest, space: space).add(to: &walk)
      try InodeBlocks(guest: guest, filesystem: filesystem, space: space).add(to: &walk, &draft)
      try EncryptedFiles(guest: guest, filesystem: filesystem, space: space).add(to: &walk, &draft)
      var wrong = walk.resolve(
        space.table, device: space.device, isAllRead: method == .read, written: guest.pump.written,
        isCancelled: guest.isCancelled)
      guard !guest.isCancelled() else { throw MapperError.interrupted }
      if let excess = walk.excess {
        try guest.unmount()
        draft.warnOfGap("\(filesystem.title): \(run.reason(excess)); its files are not in the map")
        return nil
      }
      if method == .read {
        try proof.prove(&walk, &draft)
        wrong = nil
      } else if wrong == nil {
        wrong = try proof.filesWithOtherBytes(walk.unseen, in: walk).min()
      }
      try guest.unmount()
      guard let wrong else {
        reportUnlocated(walk, isFollowed: space.isFollowed, of: filesystem, &draft)
        if let tree = space.tree, let number = guest.inventory.number(under: filesystem.mountable) {
          draft.usedData[number]?.finish(tree, walk)
        }
        return walk
      }
      guest.reporter.warning(
        "\(filesystem.title): \(shown(walk.tree.path(of: wrong))) is not where the filesystem says; "
          + "reading all files instead")
      method = .read
      try guest.mount(filesystem)
    }
  }

  /// Reports unwritten space that is not in the map. On volumes that cannot be followed, no such space is in the map.
  private func reportUnlocated(
    _ walk: WalkAssembler, isFollowed: Bool, of filesystem: Guestfs.Filesystem, _ draft: inout MapDraft
  ) {
    guard walk.unlocatedUnwritten > 0 else { return }
    let what = "\(walk.unlocatedUnwritten) extents of unwritten space are not in the map"
    if isFollowed {
      draft.warnOfGap("\(filesystem.title): \(what): they are beyond the end of the device or cannot be located")
    } else {
      draft.reporter.detail("\(filesystem.shownName): \(what): the volumes below are not supported")
    }
  }

  /// Counts the files and directories that could not be read, and lists them under `-v`.
  private func report(_ walk: WalkAssembler, of filesystem: Guestfs.Filesystem, _ draft: inout MapDraft) {
    guard walk.failureCount > 0 else { return }
    draft.findings.unreadable += walk.failureCount
    for failure in walk.failures {
      let reason =
        switch failure.errno {
        // Symbolic links are not followed. ELOOP here means a directory that is its own ancestor (reported by the
        // kernel) or that was already visited (reported by the walker).
        case ELOOP: "this directory is elsewhere, too, or within itself; it is mapped once"
        // Reported by the assembler.
        case E2BIG: "it is in too many pieces, and only some of them are in the map"
        default: String(cString: strerror(failure.errno))
        }
      draft.reporter.detail("\(filesystem.shownName): \(shown(failure.path)): \(reason)")
    }
  }
}

extension Guestfs.Filesystem {
  var shownName: String { shown(mountable) }
  /// The name that blkid(8) has for the type.
  var typeName: String { String(decoding: type, as: UTF8.self) }
  /// How messages name the filesystem.
  var title: String { "filesystem on \(shownName) (\(typeName))" }
  var knownType: any FilesystemType { filesystemType(named: typeName) }
}
