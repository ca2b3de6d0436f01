import Testing

@testable import Filesystems

@Suite struct FilesystemTypeTests {
  /// A second type with the same name would never be used.
  @Test func eachNameBelongsToOneType() {
    let names = filesystemTypes.flatMap(\.names)
    #expect(names.count == Set(names).count)
    for type in filesystemTypes {
      for name in type.names { #expect(filesystemType(named: name).names == type.names) }
    }
  }

  @Test func nothingIsAssumedOfOthers() {
    for name in ["", "ext5", "zfs", "NTFS"] {
      let type = filesystemType(named: name)
      #expect(type.names.isEmpty && type.metadata == nil && type.inodeBlocks == nil && type.evidence == .extents)
      #expect(!type.reportsHoles && !type.isCompressed && !type.hasLogicalAddresses)
      #expect(type.optionWithoutReplay(for: name[...]) == nil)
    }
  }

  /// Replaying a journal could overwrite data of another filesystem on the device.
  @Test func journalsAreLeftAlone() {
    for (name, option) in [
      ("ext2", nil), ("ext3", "noload"), ("ext4", "noload"), ("xfs", "norecovery"), ("btrfs", "rescue=nologreplay"),
      ("f2fs", "norecovery"), ("nilfs2", "norecovery"), ("vfat", nil), ("ntfs", nil),
    ] as [(Substring, String?)] {
      #expect(filesystemType(named: name).optionWithoutReplay(for: name) == option)
    }
  }
}
