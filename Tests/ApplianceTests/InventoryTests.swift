import Testing

@testable import Appliance

struct InventoryTests {
  private let inventory = Inventory(devices: [
    device("/dev/sda1", "8:1"), device("/dev/sda11", "8:11"), device("/dev/vg/root", "253:0"),
  ])

  private static func device(_ name: String, _ number: String) -> ProbedDevice {
    ProbedDevice(name: Array(name.utf8), number: number, type: "", uuid: "")
  }

  @Test(arguments: [
    ("/dev/sda1", "8:1"), ("/dev/vg/root", "253:0"), ("btrfsvol:/dev/sda11/a/b", "8:11"),
    ("btrfsvol:/dev/sda1//dev/sda11/x", "8:1"), ("/dev/sda2", nil), ("btrfsvol:/dev/sda1", nil),
    ("/dev/sda1/a", nil),
  ])
  func aMountablesDevice(mountable: String, number: Substring?) {
    #expect(inventory.number(under: Array(mountable.utf8)) == number)
  }

  /// The copies of each device. A disk is not a copy of its partition.
  @Test func copies() {
    let member = { (name: String, part: Substring) in
      ProbedDevice(
        name: Array(name.utf8), number: name, type: name.contains("md") ? "btrfs" : "linux_raid_member", uuid: "u",
        part: part)
    }
    let inventory = Inventory(devices: [
      member("/dev/sda", "1"), member("/dev/sda1", "1"), member("/dev/sda11", "1"), member("/dev/sda2", "2"),
      member("/dev/md1", "1"), member("/dev/md1p1", "1"), member("/dev/md11", "1"), member("/dev/sdb", ""),
      member("/dev/sdc", ""),
    ])
    let twins = inventory.devices.map { inventory.twins(of: $0).map { String(decoding: $0.name, as: UTF8.self) } }
    #expect(
      twins == [
        [], ["/dev/sda11"], ["/dev/sda1"], [], ["/dev/md11"], ["/dev/md11"], ["/dev/md1", "/dev/md1p1"], [], [],
      ])
  }
}
