import Filesystems
import Guestfs

/// A device, as the appliance reads it.
package struct ApplianceDevice: DeviceBytes {
  private let path: [UInt8]
  package let size: UInt64
  private let appliance: Guestfs

  /// The most bytes that one reply of the appliance holds, with room to spare.
  private static let maximumReply = 2 << 20

  /// - Parameters:
  ///   - path: the device's name in the appliance.
  ///   - size: in bytes.
  package init(_ path: [UInt8], size: UInt64, of appliance: Guestfs) {
    (self.path, self.size, self.appliance) = (path, size, appliance)
  }

  package func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    guard offset <= size, count >= 0, UInt64(count) <= size - offset else { throw Self.beyondEnd }
    var result: [UInt8] = []
    while result.count < count {
      let piece = try appliance.read(
        path, count: min(count - result.count, Self.maximumReply), at: offset + UInt64(result.count))
      guard !piece.isEmpty else { throw Self.beyondEnd }
      result += piece
    }
    return result
  }

  private static let beyondEnd = GuestfsError("a read beyond the device's end")
}

/// The first line of an error's description, for messages of one line.
package func oneLine(_ error: any Error) -> String {
  (error as? GuestfsError)?.firstLine ?? String(describing: error)
}
