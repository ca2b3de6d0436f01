import DiskImage
import SystemPackage

/// A key from `--key`, and what it opens.
public struct DeviceKey: Sendable {
  /// The devices and images that a key is for.
  public enum Selector: Sendable, Equatable {
    /// Every encrypted device and image.
    case all
    /// A device, by its libguestfs name (`/dev/sda2`, `/dev/vg/home`) or by the UUID in its header; or the file of
    /// an encrypted image.
    case device([UInt8])
  }

  public var selector: Selector
  /// The passphrase. libguestfs rejects a passphrase that contains a NUL.
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

  /// Returns the passphrases to try on an encrypted image. Keys for this image come before keys for all, because
  /// some images cannot detect a wrong key.
  /// - Parameter name: the name of the image as the user gave it.
  package static func passphrases(in keys: [DeviceKey], of path: FilePath, named name: [UInt8]) -> [[UInt8]] {
    let own = keys.filter { key in
      guard case .device(let selected) = key.selector else { return false }
      return selected == name || isSameFile(FilePath(bytes: selected), path)
    }
    return (own + keys.filter { $0.selector == .all }).map(\.passphrase)
  }
}
