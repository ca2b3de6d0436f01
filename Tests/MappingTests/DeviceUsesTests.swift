import Testing

@testable import Mapping

/// The users of devices, as the appliance reports them.
struct DeviceUsesTests {
  @Test func whatHoldsDevices() {
    let uses = DeviceUses(
      parsing: """
        holder 8:0 clean
        holder 8:16 inactive
        holder 8:32 -
        holder 8:48
        pv 8:64
        pv 253:0
        """)
    #expect(uses.held == ["8:0", "8:32"])
    #expect(uses.physicalVolumes == ["8:64", "253:0"])
    #expect(uses.missingVolumes == [])
  }

  /// Disk groups as ldmtool(1) shows them.
  @Test func volumesOfDynamicDisks() {
    let uses = DeviceUses(
      parsing: """
        holder 8:0 active
        group
        {
          "name" : "WIN-ERRDJSB2MQ6-Dg0",
          "guid" : "06495a84-fbfd-11e1-8cf9-52540061f5db",
          "volumes" : [
            "Volume1",
            "Stripe1"
          ],
          "disks" : [
            "06495a85-fbfd-11e1-8cf9-52540061f5db"
          ]
        }
        group
        {
          "name" : "Empty",
          "volumes" : [],
          "disks" : [
            "Volume3"
          ]
        }
        group
        there
        ldm_vol_WIN-ERRDJSB2MQ6-Dg0_Volume1
        luks-5
        """)
    #expect(uses.held == ["8:0"])
    #expect(uses.missingVolumes == [Array("/dev/mapper/ldm_vol_WIN-ERRDJSB2MQ6-Dg0_Stripe1".utf8)])
  }

  @Test func nothing() { #expect(DeviceUses(parsing: "") == DeviceUses()) }
}
