import Appliance
import BlockStack
import WalkAssembly
import WalkRecord

/// Adds what Btrfs stores in its trees to a walk: directories, small files and extended attributes. They share blocks
/// with neighbouring items; the trees say which blocks.
struct BtrfsItems {
  let guest: Guest
  let space: Guest.AddressSpace

  func add(to walk: inout WalkAssembler) {
    guard let tree = space.tree, space.isFollowed else { return }
    // Log replay writes to newly allocated blocks, which are not on the guest's disk.
    let written = guest.pump.written
    let isOnDisk = { (range: Range<UInt64>) in
      !(space.table.locations(of: range, on: space.device) ?? []).contains { written.overlap($0) }
    }
    var directories: [Record.ObjectID: [Range<UInt64>]] = [:]
    for (inode, blocks) in tree.directories {
      guard let object = walk.inodes[inode] else { continue }
      directories[object, default: []] += blocks.filter(isOnDisk)
    }
    walk.setDirectories(directories)
    for data in tree.inlineData where isOnDisk(data.range) {
      walk.addInlineData(of: data.inode, data.range, offset: data.offset, isEncoded: data.isCompressed)
    }
    for attribute in tree.attributes where isOnDisk(attribute.range) {
      guard let object = walk.inodes[attribute.inode] else { continue }
      walk.addMetadata(object, attribute.range, offset: 0)
    }
  }
}
