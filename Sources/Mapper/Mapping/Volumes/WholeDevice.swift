import Appliance
import BlockStack

extension Guest {
  /// Where the whole device lies on the disks; nil if that is not known.
  func wholeLocations(of device: ProbedDevice) -> [DeviceTable.Location]? {
    let number = device.number[...]
    guard devices.isDisk(number), let end = devices.end(of: number) else {
      return devices.locations(of: number)
    }
    return devices.locations(of: 0..<end, on: number)
  }
}
