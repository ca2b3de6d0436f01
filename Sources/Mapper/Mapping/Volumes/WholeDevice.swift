import Appliance
import BlockStack

extension Guest {
  /// The ranges of the disks that hold the whole device; nil if they are not known.
  func wholeLocations(of device: ProbedDevice) -> [DeviceTable.Location]? {
    let number = device.number[...]
    guard devices.isDisk(number), let end = devices.end(of: number) else {
      return devices.locations(of: number)
    }
    return devices.locations(of: 0..<end, on: number)
  }
}
