import Appliance
import BlockMap
import BlockStack
import Filesystems
import Guestfs

/// Adds the metadata of filesystems, that is all they store besides files, and their free space to the map.
struct FilesystemMetadata {
  let guest: Guest

  /// Adds the metadata and the free space of one filesystem, which need not be mountable.
  func add(of filesystem: Guestfs.Filesystem, to draft: inout MapDraft) throws {
    // A subvolume shares the metadata of its filesystem, which is added once.
    guard let content = guest.inventory.devices.first(where: { $0.name == filesystem.mountable }) else { return }
    let type = filesystemType(named: content.type)
    let name = shown(content.name)
    guard guest.devices.isFollowed(content.number[...]) else {
      return guest.reporter.detail("\(name): the volumes below are not supported; its metadata is left out")
    }
    var table = guest.devices
    var areas: [DeviceArea] = []
    if let source = type.metadata {
      guard
        let text = try guest.output(
          of: source.script, tools: source.tools,
          variables: "d=/dev/block/\(content.number)\(guest.inventory.isBtrfsTwin(content) ? " alone=1" : "")",
          orSay: "\(name): its metadata is left out")
      else { return }
      areas = source.areas(text)
      if areas.isEmpty {
        guest.reporter.detail("\(name): the tools do not say where its metadata is")
      } else if !source.isComplete(text) {
        draft.warnOfGap(
          "\(name): its tools cannot read all of its metadata; some metadata and free space are not in the map")
      }
      if areas.contains(where: { $0.device == BtrfsTree.device }) {
        guard let segments = BtrfsTree(parsing: text)?.segments else {
          return guest.reporter.detail("\(name): its chunks are not supported; its metadata is left out")
        }
        table.add(BtrfsTree.device, madeOf: segments)
        draft.addParity(of: BtrfsTree.device, to: content.name, table)
        areas = BtrfsUsedData.unreferenced(areas, draft.usedData[content.number[...]])
      }
    }
    do {
      areas += try type.areas(
        on: ApplianceDevice(guest: guest, device: content, size: guest.devices.end(of: content.number[...]) ?? 0),
        known: areas)
    } catch {
      try guest.checkHelpers()
      draft.warnOfGap("\(name): its free space is not in the map: \(error)")
    }
    draft.add(areas, of: content, table)
  }
}

/// A device in the appliance.
private struct ApplianceDevice: DeviceBytes {
  let guest: Guest
  let device: ProbedDevice
  let size: UInt64

  /// The most bytes that one reply of the appliance holds, with room to spare.
  private static let maximumReply = 2 << 20

  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    var result: [UInt8] = []
    while result.count < count {
      let (next, overflow) = offset.addingReportingOverflow(UInt64(result.count))
      guard !overflow else { throw GuestfsError("a read beyond the device's end") }
      let piece = try guest.appliance.read(
        guest.inAppliance(device.name), count: min(count - result.count, Self.maximumReply), at: next)
      guard !piece.isEmpty else { throw GuestfsError("a read beyond the device's end") }
      result += piece
    }
    return result
  }
}
