/// Where RAID 10 puts the copies of its chunks: md(4)'s near, far and offset layouts, and mixes of them.
///
/// The chunks of a device are its rows. Near copies are next to each other in a row, and continue in the next row.
/// The contents of a row are then repeated further down, each time shifted to the following devices: these are the
/// far copies.
package struct RAID10Layout: Equatable {
  /// Number of near copies, at least 1. `near * far` is at most 255 and at most the number of devices.
  package let near: Int
  /// Number of far copies, at least 1.
  package let far: Int
  /// Whether the far copies of a row are in the rows directly below it, instead of `stride` rows further down.
  package let isOffset: Bool
  /// Rows from one far copy to the next, at least 1. Unused if `isOffset`.
  package let stride: UInt64
  /// Far copies stay within a set of this many devices. The last set also has any devices left over.
  private let setSize: Int
  private let devices: Int

  /// The maximum number of devices of an array.
  package static let maximumDevices = 4096

  package var copies: Int { near * far }

  /// - Parameters:
  ///   - chunks: number of chunks of the array.
  ///   - setSize: nil for all devices.
  /// - Returns: nil if md has no such layout, or if it would put two chunks at the same offset.
  package init?(near: Int, far: Int = 1, isOffset: Bool = false, setSize: Int? = nil, devices: Int, chunks: UInt64) {
    guard (1...255).contains(near), (1...255).contains(far), near * far <= 255,
      (near * far...Self.maximumDevices).contains(devices), chunks > 0, chunks <= 1 << 52
    else { return nil }
    let setSize = setSize ?? devices
    guard (1...devices).contains(setSize) else { return nil }
    // In some of these mixes the kernel puts two chunks at the same offset.
    if near > 1, far > 1, isOffset || setSize < devices { return nil }
    (self.near, self.far, self.isOffset, self.setSize, self.devices) = (near, far, isOffset, setSize, devices)
    stride = (chunks * UInt64(near) + UInt64(devices) - 1) / UInt64(devices)
  }

  /// - Parameter number: md's number of the layout: the near copies in the lowest byte, the far copies in the next
  ///   one, then a bit for the offset layout and two bits for the ways to keep far copies within sets of devices.
  ///   The first of these ways was soon abandoned.
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
      let index = chunk * UInt64(near) + copy
      let (row, device) = (index / UInt64(devices), Int(index % UInt64(devices)))
      for turn in 0..<far {
        let start = isOffset ? row * UInt64(far) : row
        body(shifted(device, by: turn * near), start + UInt64(turn) * (isOffset ? 1 : stride))
      }
    }
  }

  /// The chunk in a row of a device; nil if the row cannot hold one. The chunk may be beyond the array's end.
  package func chunk(inRow row: UInt64, of device: Int) -> UInt64? {
    let turn = isOffset ? row % UInt64(far) : row / stride
    guard turn < UInt64(far) else { return nil }
    let first = isOffset ? row / UInt64(far) : row % stride
    let (index, overflow) = first.multipliedReportingOverflow(by: UInt64(devices))
    guard !overflow, index < UInt64.max - UInt64(devices) else { return nil }
    return (index + UInt64(shifted(device, by: -Int(turn) * near))) / UInt64(near)
  }

  /// The device `count` positions after this one in its set, wrapping around.
  private func shifted(_ device: Int, by count: Int) -> Int {
    let number = min(device / setSize, devices / setSize - 1)
    let first = number * setSize
    let size = number == devices / setSize - 1 ? devices - first : setSize
    let index = (device - first + count) % size
    return first + (index < 0 ? index + size : index)
  }
}
