import Testing
import WalkRecord

@testable import GuestWalker

/// Which type each filesystem gets, and the rules of each type.
@Suite struct WalkedFilesystemTests {
  @Test(
    arguments: [
      (0xef53, "Ext"), (0x5846_5342, "XFS"), (0x9123_683e, "Btrfs"), (0x6573_5546, "NTFS"), (0x4d44, "FAT"),
      (0x2011_bab0, "ExFAT"), (0x137f, "Minix"), (0x138f, "Minix"), (0x2468, "Minix"), (0x2478, "Minix"),
      (0x4d5a, "Minix"), (0x7371_7368, "SquashFS"), (0x5265_4973, "Other"), (0, "Other"), (.max, "Other"),
    ] as [(UInt64, String)])
  func theTypeIsKnownByItsMagic(magic: UInt64, name: String) {
    #expect("\(walkedFilesystem(magic: magic))" == name)
  }

  @Test func noMagicIsOfTwoTypes() {
    let magics = walkedFilesystems.flatMap { Array($0.magics) }
    #expect(Set(magics).count == magics.count)
  }

  @Test func onlyExtKeepsTheCache() {
    for type in walkedFilesystems + [Other.self] {
      let (read, extents) = (type.needsColdCache(for: .read), type.needsColdCache(for: .extents(proof: 1)))
      #expect(read && extents == (type != Ext.self))
    }
  }

  /// The rules of each type on a device of zeros.
  @Test func rules() throws {
    let scratch = try Scratch()
    let mount = try scratch.mount()
    func rules(_ filesystem: any WalkedFilesystem) -> String {
      "\(filesystem.announcement) \(filesystem.extentSource) \(filesystem.metadata) \(filesystem.directReads)"
    }
    let read = WalkMethod.read
    #expect(rules(Ext(mount, method: read)) == "none fiemap blocks files")
    #expect(rules(XFS(mount, method: read)) == "beforeOpening fiemap blocks files")
    #expect(rules(Btrfs(mount, method: read)) == "beforeLookup fiemap tree files")
    #expect(rules(NTFS(mount, method: read)) == "beforeOpening none none filesInPages")
    #expect(rules(try FAT(mount, method: read)) == "beforeLookup fibmap none files")
    #expect(rules(try ExFAT(mount, method: read)) == "beforeLookup fibmap none files")
    #expect(rules(Minix(mount, method: read)) == "beforeOpening fibmap none device")
    #expect(rules(SquashFS(mount, method: read)) == "beforeOpening none none files")
    #expect(rules(Other(mount, method: read)) == "beforeOpening fiemap none files")
  }
}
