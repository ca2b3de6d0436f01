import BlockStack
import Filesystems

/// A device that the appliance does not assemble, and whose header says where its metadata is.
enum DeviceHeader {
  case verity, bcache, drbd

  /// Takes the name that blkid(8) has for the type; nil for other types.
  init?(type: Substring) {
    switch type {
    case "DM_verity_hash": self = .verity
    case "bcache": self = .bcache
    case "drbd": self = .drbd
    default: return nil
    }
  }

  /// The metadata on the device. Throws if the device cannot be read.
  func areas(on device: some DeviceBytes) throws -> [DeviceArea] {
    switch self {
    case .verity: try VerityHashes.areas(on: device)
    case .bcache: try BcacheHeader.areas(on: device)
    case .drbd: try DRBDMetadata.areas(on: device)
    }
  }
}
