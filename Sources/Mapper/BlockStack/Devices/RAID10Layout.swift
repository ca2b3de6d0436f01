/// Where RAID 10 puts the copies of its chunks: the near, far and offset layouts that md(4) draws, and mixes of them.
///
/// A device's chunks are its rows. Near copies stand side by side in one row, and go on in the next. What stands in a row
/// is then repeated further down, each time on the devices behind: the far copies.
package struct RAID10Layout: Equatable {
  /// At least 1; times `far` at most 255, and at most so many as there are devices.
  package let near: Int
  /// At least 1.
  package let far: Int
  /// A row's far copies are the rows below it, instead of so many rows further down.
  package let isOffset: Bool
  /// Rows from one far copy to the next, at least 1. Without meaning for `isOffset`.
  package let stride: UInt64
  /// Far copies stay among so many devices; if there are devices left over, the last set has them too.
  private let setSize: Int
  private let devices: Int

  /// The most devices an array has.
  package static let mostDevices = 4096

  package var copies: Int { near * far }

  /// - Parameters:
  ///   - chunks: of the array.
  ///   - setSize: all devices, if nil.
  /// - Returns: nil for what md does not arrange so, or not so that each place holds one chunk.
  package init?(near: Int, far: Int = 1, isOffset: Bool = false, setSize: Int? = nil, devices: Int, chunks: UInt64) {
    guard (1...255).contains(near), (1...255).contains(far), near * far <= 255,
      (near * far...Self.mostDevices).contains(devices), chunks > 0, chunks <= 1 << 52
    else { return nil }
    let setSize = setSize ?? devices
    guard (1...devices).contains(setSize) else { return nil }
    // In some of these mixes the kernel puts two chunks in one place.
    if near > 1, far > 1, isOffset || setSize < devices { return nil }
    (self.near, self.far, self.isOffset, self.setSize, self.devices) = (near, far, isOffset, setSize, devices)
    stride = (chunks * UInt64(near) + UInt64(devices) - 1) / UInt64(devices)
  }

  /// - Parameter number: md's: the near copies in the lowest byte, the far ones in the next, then a bit for the offset
  ///   layout and two for the ways to keep far copies in sets of devices, of which the first was soon given up.
  package init?(number: Int, devices: Int, chunks: UInt64) {
    let (near, far) = (number & 0xff, number >> 8 & 0xff)
    let setSize: Int?
    switch number >> 17 {
    case 0: setSize = nil
    case 1 where far > 0: setSize = devices / far
    case 2: setSize = near * far
    default: return nil
    }
    self.init(
      near: near, far: far, isOffset: number >> 16 & 1 == 1, setSize: far > 1 ? setSize : nil, devices: devices,
      chunks: chunks)
  }

  /// Calls `body` with each copy's device and row.
  /// - Parameter chunk: at most 2^52.
  package func forEachCopy(of chunk: UInt64, _ body: (Int, UInt64) -> Void) {
    for copy in 0..<UInt64(near) {
      let place = chunk * UInt64(near) + copy
      let (row, device) = (place / UInt64(devices), Int(place % UInt64(devices)))
      for turn in 0..<far {
        let start = isOffset ? row * UInt64(far) : row
        body(shifted(device, by: turn * near), start + UInt64(turn) * (isOffset ? 1 : stride))
      }
    }
  }

  /// The chunk in a row of a device; nil where none can be. It may lie behind the array's end.
  package func chunk(inRow row: UInt64, of device: Int) -> UInt64? {
    let turn = isOffset ? row % UInt64(far) : row / stride
    guard turn < UInt64(far) else { return nil }
    let first = isOffset ? row / UInt64(far) : row % stride
    let (place, overflow) = first.multipliedReportingOverflow(by: UInt64(devices))
    guard !overflow, place < UInt64.max - UInt64(devices) else { return nil }
    return (place + UInt64(shifted(device, by: -Int(turn) * near))) / UInt64(near)
  }

  /// The device that is so many behind in its set.
  private func shifted(_ device: Int, by count: Int) -> Int {
    let number = min(device / setSize, devices / setSize - 1)
    let first = number * setSize
    let size = number == devices / setSize - 1 ? devices - first : setSize
    let place = (device - first + count) % size
    return first + (place < 0 ? place + size : place)
  }
}
