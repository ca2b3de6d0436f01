import FoundationEssentials

/// Information about a disk. Sizes are in bytes; names and values are as `Escaping.text` writes them.
///
/// The JSON form is part of the program's interface, see virt-bmap(1): the property names in snake_case, without those
/// that are nil.
struct DiskInformation: Encodable {
  var path: String
  var format: String
  var createType: String?
  var virtualSize: UInt64
  /// Bytes of the disk that are stored in the named image. Like the next four sizes, this does not include its parents.
  var allocatedSize: UInt64
  /// Bytes of the disk that the image marks as zeros.
  var zeroSize: UInt64
  /// Bytes of the disk that are damaged or declared inaccessible.
  var unreadableSize: UInt64
  /// The length of the image's files.
  var fileSize: UInt64
  /// The space that the image's files use on the host's filesystems.
  var diskUsage: UInt64
  var cid: String?
  var parentCID: String?
  var encoding: String?
  var adapterType: String?
  var geometry: Geometry?
  var hardwareVersion: String?
  var toolsVersion: String?
  var longContentID: String?
  var uuids: [Setting]
  /// The settings of the descriptor without the disk database, in order.
  var settings: [Setting]
  /// The disk database, in order.
  var ddb: [Setting]
  /// The named image first, then its parent, and so on.
  var chain: [Link]
  var warnings: [String]

  struct Setting: Encodable {
    var key: String
    var value: String
  }

  /// The geometry that the guest's BIOS sees.
  struct Geometry: Encodable {
    var cylinders: UInt64?
    var heads: UInt64?
    var sectors: UInt64?
    var biosCylinders: UInt64?
    var biosHeads: UInt64?
    var biosSectors: UInt64?
  }

  /// An image: the named disk, or a parent of the previous image.
  struct Link: Encodable {
    var path: String
    var createType: String?
    var virtualSize: UInt64
    var allocatedSize: UInt64
    var zeroSize: UInt64
    var unreadableSize: UInt64
    var fileSize: UInt64
    var diskUsage: UInt64
    var cid: String?
    var parentCID: String?
    /// The parent's file, as the descriptor names it.
    var parentHint: String?
    var encoding: String?
    var files: [File]
    var extents: [Extent]
  }

  struct File: Encodable {
    var path: String
    /// The length of the file.
    var size: UInt64
    /// The space that the file uses on the host's filesystem, as du(1) shows it.
    var diskUsage: UInt64
  }

  struct Extent: Encodable {
    var access: String?
    var type: String?
    /// The extent's offset in the disk.
    var start: UInt64
    var size: UInt64
    var file: String?
    /// The offset of a flat extent in its file.
    var fileOffset: UInt64?
    var grains: Grains?
    var allocatedSize: UInt64
    var zeroSize: UInt64
    var unreadableSize: UInt64
    var state: State
  }

  /// The header of a file that stores grains.
  struct Grains: Encodable {
    var kind: String
    var version: String
    var grainSize: UInt64
    var isCompressed: Bool
    var hasRedundantDirectory: Bool
    var isClosedCleanly: Bool

    private enum CodingKeys: String, CodingKey {
      case kind, version, grainSize
      case isCompressed = "compressed"
      case hasRedundantDirectory = "redundantDirectory"
      case isClosedCleanly = "closedCleanly"
    }
  }

  /// The worst that applies to an extent.
  enum State: String, Encodable {
    case ok
    case unclean
    /// A table or a grain is wrong, even if a copy of it is used.
    case damaged
    case inaccessible
  }

  var json: [UInt8] {
    get throws {
      let encoder = JSONEncoder()
      encoder.keyEncodingStrategy = .convertToSnakeCase
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return Array(try encoder.encode(self)) + [0x0a]
    }
  }
}
