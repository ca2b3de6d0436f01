import Appliance
import BlockStack
import DiskImage
import WalkRecord

/// Maps everything on a guest's disks, step by step.
struct GuestMapper {
  /// The path of the walker on this machine.
  let walker: String
  let method: MapMethod
  /// Which problems to tolerate when virt-bmap opens the disks to search devices whose content is not recognized.
  let options: OpenOptions

  func map(_ guest: inout Guest, into draft: inout MapDraft) throws {
    let disks = try guest.findDisks()
    warnOfLargeDisks(guest, &draft)
    guest.warnOfDoubts()
    // Partitions that are those of an array do not belong to its disks any more.
    try guest.openEncryptedDevices(on: disks)
    for (number, disk) in zip(guest.set.disks, disks) {
      let all = DeviceTable.Location(disk: number, range: 0..<guest.guestDisks[number - 1].size, offset: 0)
      draft.add(.disk, disk, [all])
      PartitionMapper(guest: guest).addPartitions(of: disk, number: number, to: &draft)
    }
    try guest.readDevices()
    try guest.settleAmbivalentDevices()
    guest.warnOfTwins()
    try guest.warnOfDegradedArrays()
    try guest.warnOfIncompleteGroups()
    VolumeMapper(guest: guest).addVolumes(to: &draft)
    try VolumeMetadata(guest: guest).add(to: &draft, disks: disks)

    try guest.appliance.uploadToAppliance(walker, name: FilesystemWalk.walkerName, mode: 0o755)
    let filesystems = FilesystemMapper(method: method)
    let all = try guest.listFilesystems()
    var walks: [[UInt8]: FilesystemMetadata.Walk] = [:]
    for filesystem in all {
      guard !guest.isCancelled() else { throw MapperError.interrupted }
      let (before, incomplete) = (draft.findings, guest.incomplete)
      try filesystems.map(filesystem, of: &guest, into: &draft)
      guard draft.findings.filesystems > before.filesystems else { continue }
      let isWhole =
        draft.findings.gaps == before.gaps && guest.incomplete == incomplete && guest.pump.unreadable.isEmpty
      walks[filesystem.mountable] = isWhole ? .whole : .partial
    }
    // The subvolumes of Btrfs are walked by now: what none of them uses is known.
    for filesystem in all {
      guard !guest.isCancelled() else { throw MapperError.interrupted }
      try FilesystemMetadata(guest: guest).add(of: filesystem, walks[filesystem.mountable] ?? .none, to: &draft)
    }
    guest.reportAmbivalentDevices()
    try CoverageCheck(guest: guest, options: options).warn(&draft)
    warnOfUnreadableDisks(guest, &draft)
    draft.findings.incomplete += guest.incomplete
  }

  private func warnOfLargeDisks(_ guest: Guest, _ draft: inout MapDraft) {
    for disk in guest.set.disks.map({ guest.guestDisks[$0 - 1] }) where disk.size > RecorderExport.maximumBytes {
      draft.warnOfGap(
        "\(shown(disk.description.file)): the appliance cannot see data beyond \(RecorderExport.maximumBytes) bytes")
    }
  }

  /// Not every filesystem reports read errors: FAT silently skips part of a directory.
  private func warnOfUnreadableDisks(_ guest: Guest, _ draft: inout MapDraft) {
    for (number, offset) in guest.pump.unreadable.sorted(by: { $0.key < $1.key }) {
      guard number >= 1, number <= guest.guestDisks.count else { continue }
      draft.warnOfGap(
        "\(shown(guest.guestDisks[Int(number) - 1].description.file)): parts of it cannot be read: a read at offset \(offset) "
          + "failed; files there may be missing from the map")
    }
  }
}
