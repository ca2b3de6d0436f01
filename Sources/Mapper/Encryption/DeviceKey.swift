/// A key that `--key` gives, and what it opens.
public struct DeviceKey: Sendable {
  /// What a key is for.
  public enum Selector: Sendable, Equatable {
    /// Every encrypted device.
    case all
    /// A device by libguestfs's name for it (`/dev/sda2`, `/dev/vg/home`), or by the UUID in its header.
    case device([UInt8])
  }

  public var selector: Selector
  /// The passphrase. libguestfs takes no NUL in it.
  public var passphrase: [UInt8]

  public init(selector: Selector, passphrase: [UInt8]) {
    self.selector = selector
    self.passphrase = passphrase
  }

  func opens(device: [UInt8], uuid: [UInt8]) -> Bool {
    switch selector {
    case .all: true
    case .device(let name): name == device || !uuid.isEmpty && name == uuid
    }
  }
}
