import Answers
import BlockMap
import Bytes

extension FreeSpace {
  /// Lines `KEY: VALUE` for people and for grep.
  var text: String {
    var text = InformationText()
    for device in devices {
      text.add("device \(Escaping.text(device.name, as: .device))") { text in
        if !device.type.isEmpty { text.add("type", Escaping.text(device.type, as: .device)) }
        text.add(device)
        if device.isEncrypted {
          text.add("encrypted", "the image holds ciphertext, so free space that was used once is not zero in it")
        }
      }
    }
    text.add("all devices") { $0.add(total) }
    return text.lines
  }
}

extension InformationText {
  fileprivate mutating func add(_ device: FreeSpace.Device) {
    add("free", "\(readable(device.free)) in \(counted(device.ranges, "range"))")
    guard let image = device.image else { return }
    add("stored in the image", bytes: image.stored)
    add("not zero", bytes: image.notZero)
    add("zeros in files", bytes: image.zeroInFiles)
  }
}

/// The answer as JSON, which is part of the program's interface. Sizes are in bytes.
struct FreeDocument: Encodable {
  struct Space: Encodable {
    /// Nil for all devices together.
    var device: String?
    var type: String?
    var encrypted: Bool?
    var free: UInt64
    var ranges: Int
    /// The rest is nil if the disks were not read.
    var stored: UInt64?
    var notZero: UInt64?
    var zeroInFiles: UInt64?

    enum CodingKeys: String, CodingKey {
      case device, type, encrypted, free, ranges, stored
      case notZero = "not_zero"
      case zeroInFiles = "zero_in_files"
    }

    init(_ space: FreeSpace.Device) {
      (free, ranges) = (space.free, space.ranges)
      (stored, notZero, zeroInFiles) = (space.image?.stored, space.image?.notZero, space.image?.zeroInFiles)
    }
  }

  var devices: [Space]
  var total: Space

  init(_ space: FreeSpace) {
    total = Space(space.total)
    devices = space.devices.map { device in
      var shown = Space(device)
      shown.device = Escaping.text(device.name, as: .device)
      shown.type = device.type.isEmpty ? nil : Escaping.text(device.type, as: .device)
      shown.encrypted = device.isEncrypted
      return shown
    }
  }
}
