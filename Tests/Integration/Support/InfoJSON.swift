import FoundationEssentials
import SystemPackage

/// The output of `virt-bmap info --json`, as documented.
struct InfoJSON: Decodable {
  struct Setting: Decodable, Equatable {
    var key: String
    var value: String
  }

  struct Link: Decodable {
    var path: String
    var createType: String?
    var virtualSize: UInt64
    var allocatedSize: UInt64
    var zeroSize: UInt64
    var unreadableSize: UInt64
    var fileSize: UInt64
    var diskUsage: UInt64
    var cid: String?
    var parentCid: String?
    var parentHint: String?
    var encoding: String?
    var files: [File]
    var extents: [Extent]
  }

  struct File: Decodable {
    var path: String
    var size: UInt64
    var diskUsage: UInt64
  }

  struct Extent: Decodable {
    var access: String?
    var type: String?
    var start: UInt64
    var size: UInt64
    var file: String?
    var fileOffset: UInt64?
    var grains: Grains?
    var allocatedSize: UInt64
    var zeroSize: UInt64
    var unreadableSize: UInt64
    var state: String
  }

  struct Grains: Decodable {
    var kind: String
    var version: String
    var grainSize: UInt64
    var compressed: Bool
    var redundantDirectory: Bool
    var closedCleanly: Bool
  }

  var path: String
  var format: String
  var createType: String?
  var virtualSize: UInt64
  var allocatedSize: UInt64
  var zeroSize: UInt64
  var unreadableSize: UInt64
  var fileSize: UInt64
  var diskUsage: UInt64
  var cid: String?
  var parentCid: String?
  var encoding: String?
  var adapterType: String?
  var geometry: [String: UInt64]?
  var hardwareVersion: String?
  var toolsVersion: String?
  var longContentId: String?
  var uuids: [Setting]
  var settings: [Setting]
  var ddb: [Setting]
  var chain: [Link]
  var warnings: [String]

  init(_ bytes: [UInt8]) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Self.self, from: Data(bytes))
  }
}

/// The output of `qemu-img info --output=json` for a VMDK.
struct QemuInfo: Decodable {
  struct Specific: Decodable {
    var data: VMDK
  }

  struct VMDK: Decodable {
    var cid: UInt32
    var parentCID: UInt32
    var createType: String
    var extents: [Extent]

    private enum CodingKeys: String, CodingKey {
      case cid, extents
      case parentCID = "parent-cid"
      case createType = "create-type"
    }
  }

  struct Extent: Decodable {
    var size: UInt64
    var name: String
    /// Nil for a flat extent.
    var clusterSize: UInt64?
    var isCompressed: Bool?

    private enum CodingKeys: String, CodingKey {
      case size = "virtual-size"
      case name = "filename"
      case clusterSize = "cluster-size"
      case isCompressed = "compressed"
    }
  }

  var virtualSize: UInt64
  var backingName: String?
  var specific: Specific

  private enum CodingKeys: String, CodingKey {
    case virtualSize = "virtual-size"
    case backingName = "backing-filename"
    case specific = "format-specific"
  }

  init(of disk: FilePath) async throws {
    let output = try await tool("qemu-img", ["info", "--output=json", disk]).output
    self = try JSONDecoder().decode(Self.self, from: Data(output))
  }
}
