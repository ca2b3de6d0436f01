import Testing

@testable import Mapper

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
}
