import Appliance
import BlockStack

extension Guest {
  /// Where the whole device lies on the disks; nil if that is not known.
  func wholePlaces(of device: ProbedDevice) -> [DeviceTable.Place]? {
    let number = device.number[...]
    guard devices.isDisk(number), let end = devices.end(of: number) else {
      return devices.places(of: number)
    }
    return devices.places(of: 0..<end, on: number)
  }
}
