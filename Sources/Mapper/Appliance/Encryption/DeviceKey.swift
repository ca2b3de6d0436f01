import DiskImage
import SystemPackage

/// A key that `--key` gives, and what it opens.
public struct DeviceKey: Sendable {
  /// What a key is for.
  public enum Selector: Sendable, Equatable {
    /// Every encrypted device and image.
    case all
    /// A device by libguestfs's name for it (`/dev/sda2`, `/dev/vg/home`), or by the UUID in its header; or the file of an
    /// encrypted image.
    case device([UInt8])
  }

  public var selector: Selector
  /// The passphrase. libguestfs takes no NUL in it.
  public var passphrase: [UInt8]

  public init(selector: Selector, passphrase: [UInt8]) {
    self.selector = selector
    self.passphrase = passphrase
  }

  package func opens(device: [UInt8], uuid: [UInt8]) -> Bool {
    switch selector {
    case .all: true
    case .device(let name): name == device || !uuid.isEmpty && name == uuid
    }
  }

  /// What is to be tried on an encrypted image: the keys for it first, since some images do not tell a wrong key.
  /// - Parameter name: as the user gave the image.
  package static func passphrases(in keys: [DeviceKey], of path: FilePath, named name: [UInt8]) -> [[UInt8]] {
    let own = keys.filter { key in
      guard case .device(let selected) = key.selector else { return false }
      return selected == name || isSameFile(FilePath(bytes: selected), path)
    }
    return (own + keys.filter { $0.selector == .all }).map(\.passphrase)
  }
}
