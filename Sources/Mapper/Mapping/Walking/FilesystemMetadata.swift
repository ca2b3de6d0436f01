import Appliance
import BlockMap
import BlockStack
import Filesystems
import Guestfs

/// Adds the metadata of filesystems, that is all they store besides files, and their free space to the map.
struct FilesystemMetadata {
  let guest: Guest

  /// Adds the metadata and the free space of one filesystem, which need not be mountable.
  /// - Parameter isWalked: whether its files are in the map. If not, a warning has said so, and only `-v` says what
  ///   else is missing.
  func add(of filesystem: Guestfs.Filesystem, isWalked: Bool, to draft: inout MapDraft) throws {
    func warn(_ message: String) {
      if isWalked { draft.warnOfGap(message) } else { guest.reporter.detail(message) }
    }
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
          else: "\(name): its metadata and free space are not in the map", warn: warn)
      else { return }
      areas = source.areas(text)
      if areas.isEmpty {
        return warn("\(name): its tools cannot read it; its metadata and free space are not in the map")
      }
      if !source.isComplete(text) {
        warn("\(name): its tools cannot read all of its metadata; some metadata and free space are not in the map")
      }
      if areas.contains(where: { $0.device == BtrfsTree.device }) {
        guard let segments = BtrfsTree(parsing: text)?.segments else {
          return warn("\(name): its chunks are not supported, and its metadata is not in the map")
        }
        table.add(BtrfsTree.device, madeOf: segments)
        draft.addParity(of: BtrfsTree.device, to: content.name, table)
        areas = BtrfsUsedData.unreferenced(areas, draft.usedData[content.number[...]])
      }
    }
    let device = ApplianceDevice(
      guest.inAppliance(content.name), size: guest.devices.end(of: content.number[...]) ?? 0, of: guest.appliance)
    do {
      areas += try type.areas(on: device, known: areas)
    } catch {
      try guest.checkHelpers()
      warn("\(name): its free space is not in the map: \(oneLine(error))")
    }
    draft.add(areas, of: content, table)
  }
}
