import BlockMap

/// The purpose of a partition, if its type says that there is no filesystem to look for.
package enum PartitionType: Equatable {
  /// An extended partition, which contains other partitions.
  case extended
  /// The entry that protects a GUID partition table.
  case protective
  /// Free space that has an entry of its own, or the partition map itself.
  case free
  /// Something that is not a filesystem, with its kind and name in the map.
  case reserved(ObjectKind, String)
  /// Part of a Windows dynamic disk (LDM).
  case dynamicDisk
  /// Any other.
  case other

  /// Whether the partition has no contents that could be missing from the map.
  package var isExplained: Bool {
    switch self {
    case .extended, .protective, .free, .reserved: true
    case .dynamicDisk, .other: false
    }
  }

  /// Returns nil if the device is not a partition.
  /// - Parameters:
  ///   - table: the blkid(8) type of the partition table.
  ///   - type: the partition type as blkid(8) prints it: `0x83`, or a GUID in lower case.
  package init?(table: Substring, type: Substring) {
    switch table {
    case "dos": self = Self.ofMBR(type)
    case "gpt": self = Self.ofGPT(type)
    case "mac": self = Self.ofApple(type)
    case "": return nil
    default: self = .other
    }
  }

  /// The type of a part of a dynamic disk in a master boot record.
  static let dynamicDiskOfMBR: Substring = "0x42"

  private static func ofMBR(_ type: Substring) -> PartitionType {
    switch type {
    case "0x5", "0xf", "0x85": .extended
    case "0xee": .protective
    // PReP boot.
    case "0x41": .reserved(.boot, "boot loader")
    // ESXi.
    case "0xfc": .reserved(.metadata, "core dump")
    case dynamicDiskOfMBR: .dynamicDisk
    default: .other
    }
  }

  private static func ofApple(_ type: Substring) -> PartitionType {
    switch type {
    case "Apple_partition_map", "Apple_Free", "Apple_Void", "Apple_Scratch", "Apple_Extra": .free
    case _ where ["Apple_Driver", "Apple_FWDriver", "Apple_Patches"].contains(where: type.hasPrefix):
      .reserved(.boot, "driver")
    default: .other
    }
  }

  private static func ofGPT(_ type: Substring) -> PartitionType {
    switch type {
    // BIOS boot, PReP boot.
    case "21686148-6449-6e6f-744e-656564454649", "9e1a2d38-c612-4316-aa26-8b49521e5a8b":
      .reserved(.boot, "boot loader")
    // Microsoft.
    case "e3c9e316-0b5c-4db8-817d-f92df00215ae": .reserved(.metadata, "reserved")
    case "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3": .reserved(.metadata, "LDM database")
    // Solaris reserved, which ZFS creates.
    case "6a945a3b-1dd2-11b2-99a6-080020736631": .reserved(.metadata, "reserved")
    // ESXi.
    case "9d275380-40ad-11db-bf97-000c2911d1b8": .reserved(.metadata, "core dump")
    case "9198effc-31c0-11db-8f78-000c2911d1b8": .reserved(.metadata, "reserved")
    // ChromeOS.
    case "fe3a2a5d-4f32-41a7-b725-accc3285a309": .reserved(.boot, "kernel")
    case "cab6e88e-abf3-4102-a07a-d4bb9be3c1d3": .reserved(.boot, "firmware")
    case "af9b60a0-1431-4f62-bc68-3311714a69ad": .dynamicDisk
    default: .other
    }
  }
}
