import Appliance
import BlockMap
import BlockStack
import Filesystems
import Guestfs

/// Adds the metadata of filesystems, that is all they store besides files, to the map.
struct FilesystemMetadata {
  let guest: Guest

  /// Adds the metadata of one filesystem, which need not be mountable.
  func add(of filesystem: Guestfs.Filesystem, to draft: inout MapDraft) throws {
    // A subvolume shares the metadata of its filesystem, which is added once.
    guard let content = guest.inventory.devices.first(where: { $0.name == filesystem.mountable }),
      let source = filesystemType(named: content.type).metadata
    else { return }
    let name = shown(content.name)
    guard guest.devices.isFollowed(content.number[...]) else {
      return guest.reporter.detail("\(name): the volumes below are not supported; its metadata is left out")
    }
    guard
      let text = try guest.output(
        of: source.script, tools: source.tools,
        variables: "d=/dev/block/\(content.number)\(guest.inventory.isBtrfsTwin(content) ? " alone=1" : "")",
        orSay: "\(name): its metadata is left out")
    else { return }
    let areas = source.areas(text)
    if areas.isEmpty { guest.reporter.detail("\(name): the tools do not say where its metadata is") }
    var table = guest.devices
    if areas.contains(where: { $0.device == BtrfsTree.device }) {
      guard let segments = BtrfsTree(parsing: text)?.segments else {
        return guest.reporter.detail("\(name): its chunks are not supported; its metadata is left out")
      }
      table.add(BtrfsTree.device, madeOf: segments)
      draft.addParity(of: BtrfsTree.device, to: content.name, table)
    }
    draft.add(areas, of: content, table)
  }
}
