import FoundationEssentials

/// What there is to say of a disk. Sizes are in bytes; names and values are as `Escaping.text` writes them.
///
/// Its JSON form is part of the program's contract, see virt-bmap(1): the names of the properties in snake_case, those
/// that are nil left out.
struct DiskInformation: Encodable {
  var path: String
  var format: String
  var createType: String?
  var virtualSize: UInt64
  /// Of the image that was named alone, as the four below: bytes of the disk that are stored in it.
  var allocatedSize: UInt64
  /// Bytes of the disk of which it says that they are zeros.
  var zeroSize: UInt64
  /// Bytes of the disk that are damaged, or declared inaccessible.
  var unreadableSize: UInt64
  /// The lengths of its files.
  var fileSize: UInt64
  /// What its files take up on the host's filesystems.
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
  /// The descriptor's settings but the disk database's, in order.
  var settings: [Setting]
  /// The disk database, in order.
  var ddb: [Setting]
  /// The image that was named, its parent next.
  var chain: [Link]
  var warnings: [String]

  struct Setting: Encodable {
    var key: String
    var value: String
  }

  /// What the guest's BIOS is shown.
  struct Geometry: Encodable {
    var cylinders: UInt64?
    var heads: UInt64?
    var sectors: UInt64?
    var biosCylinders: UInt64?
    var biosHeads: UInt64?
    var biosSectors: UInt64?
  }

  /// An image: the disk that was named, or a parent of the one before.
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
    /// The parent's file as the descriptor has it.
    var parentHint: String?
    var encoding: String?
    var files: [File]
    var extents: [Extent]
  }

  struct File: Encodable {
    var path: String
    /// Its length.
    var size: UInt64
    /// What it takes up on the host's filesystem, which is what du(1) says.
    var diskUsage: UInt64
  }

  struct Extent: Encodable {
    var access: String?
    var type: String?
    /// Where in the disk it begins.
    var start: UInt64
    var size: UInt64
    var file: String?
    /// Where in the file a flat extent begins.
    var fileOffset: UInt64?
    var grains: Grains?
    var allocatedSize: UInt64
    var zeroSize: UInt64
    var unreadableSize: UInt64
    var state: State
  }

  /// What the header of a file of grains says.
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

  /// The worst that is to be said of an extent.
  enum State: String, Encodable {
    case ok
    case unclean
    /// A table or a grain cannot be right, be it that a copy of it is used.
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
