import Testing

@testable import Appliance

/// Parses the output of the appliance's tools about members.
@Suite struct MemberSearchTests {
  private static let text = """
    total 0
    lrwxrwxrwx 1 0 0  9 Nov 29 14:08 bmapchannel -> ../../sdg
    lrwxrwxrwx 1 0 0  9 Nov 29 14:08 bmapdiskb -> ../../sdc
    lrwxrwxrwx 1 0 0 10 Nov 29 14:08 bmapdiskb1 -> ../../sdc1
    lrwxrwxrwx 1 0 0 10 Nov 29 14:08 bmapdiskba12 -> ../../sdb12
    lrwxrwxrwx 1 0 0 10 Nov 29 14:08 bmapdiskc2 -> ../../sda2
    lrwxrwxrwx 1 0 0 10 Nov 29 14:08 bmapdiskc3 -> ../../sda3
    number sda2 8:2
    number sda3 8:3
    number sdb12 8:28
    number sdc 8:32
    number sdc1 8:33
    number sdg 8:96
    /run/udev/data/b8:2:E:ID_FS_UUID=u1
    /run/udev/data/b8:2:E:ID_FS_TYPE=linux_raid_member
    /run/udev/data/b8:28:E:ID_FS_TYPE=LVM2_member
    /run/udev/data/b8:28:E:ID_FS_UUID=a-b
    /run/udev/data/b8:3:E:ID_FS_TYPE=ext4
    /run/udev/data/b8:3:E:ID_FS_UUID=u4
    /run/udev/data/b8:33:E:ID_FS_UUID=u2
    /run/udev/data/b8:33:E:ID_FS_UUID_SUB=s2
    /run/udev/data/b8:33:E:ID_FS_TYPE=btrfs
    /run/udev/data/b8:96:E:ID_FS_TYPE=btrfs
    /run/udev/data/b8:96:E:ID_FS_UUID=u2

    """

  private func members() -> [MemberSearch.Found] { MemberSearch.members(parsing: Self.text, disks: [1, 2, 10]) }

  @Test func fromWhatUdevKnows() {
    let found = members()
    #expect(found.map(\.member.disk) == [1, 2, 10])
    #expect(found.map { String(decoding: $0.member.name, as: UTF8.self) } == ["/dev/sda1", "/dev/sdb2", "/dev/sdj12"])
    #expect(found.map(\.member.identity.kind) == [.btrfs, .array, .lvm])
    #expect(found.map(\.member.identity.id) == ["u2 s2", "u1 ", "a-b"])
    #expect(found.map(\.number) == ["8:33", "8:2", "8:28"])
  }

  @Test func completedByTheTools() {
    var found = members()
    MemberSearch.complete(
      &found,
      parsing: """
        on 0
        state 8
        on 1
        state Sun Nov 29 14:04:12 2026
        part 1
        state 0.24
        on 2
        whole vg
        state 3
        on 7
        state 4
        """)
    #expect(found.map(\.member.state) == ["8", "Sun Nov 29 14:04:12 2026 0.24", "3"])
    #expect(found.map(\.member.identity.id) == ["u2 s2", "u1 1", "a-b"])
    #expect(found.map(\.member.whole) == ["u2", "u1", "vg"])
  }

  /// Members that cannot be told apart are not treated as copies.
  @Test func anArrayOfTheOldestFormatWithoutNumbers() {
    var found = members()
    MemberSearch.complete(&found, parsing: "")
    #expect(found[1].member.identity.id == "u1 /dev/sdb2")
  }
}

/// Missing parts of volume groups, arrays and filesystems.
@Suite struct MissingPartsTests {
  @Test func ofVolumeGroups() {
    let report = GroupReport(
      parsing: """
        pv/vg//V384MV-uSpy
        pv/vg/missing/s13A3f-ccYE
        pv/vg/missing/aibBFp-3WEb
        pv/other//C2Dhvb-HT6d
        lv/vg/partial/raid1//raid
        lv/vg//linear//whole
        lv/other//thin/pool/thin1
        lv/other//cache/[fast_cpool]/fast
        """)
    #expect(report.missing(from: Array("/dev/vg/raid".utf8)) == "s13A3f-ccYE, aibBFp-3WEb")
    #expect(report.missing(from: Array("/dev/other/data".utf8)) == "")
    #expect(
      report.damage(below: Array("/dev/other/thin1".utf8))
        == "the metadata of the thin pool other/pool seems to be damaged; on a copy of the disk, try lvconvert --repair"
    )
    #expect(report.damage(below: Array("/dev/other/fast".utf8)) == "the metadata of its cache seems to be damaged")
    #expect(report.damage(below: Array("/dev/vg/whole".utf8)) == nil)
    #expect(report.isPartial(Array("/dev/vg/raid".utf8)) && !report.isPartial(Array("/dev/vg/whole".utf8)))
  }

  @Test func ofArrays() {
    let arrays = DegradedArray.parse(
      """
      array md127 2 1
      state AA
      array md126 4 1
      state AA.A
      array md0 3 1
      active 3
      array md1 2 9
      """)
    #expect(arrays.map(\.name) == ["md127", "md126", "md0"])
    // The guest had already lost the second array's device.
    #expect(arrays.map(\.missing) == [1, 0, 1])
  }

  @Test(arguments: [
    ("devid    1 size 1 used 1 path /dev/sda3\n\t*** Some devices missing", 1),
    ("devid    1 size 1 used 1 path /dev/sda3\n\tdevid 2 size 0 used 0 path MISSING", 1),
    ("devid    1 size 1 used 1 path /dev/sda3\n\tdevid 2 size 0 used 0 path /dev/sdb3", 0), ("", 2),
  ])
  func ofBtrfs(devices: String, missing: Int) {
    #expect(
      BtrfsDevices(parsing: "Label: none  uuid: u\n\tTotal devices 2 FS bytes used 7\n\t\(devices)\n").missing
        == missing)
  }
}
