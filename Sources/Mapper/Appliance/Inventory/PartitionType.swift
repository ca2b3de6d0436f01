/// The purpose of a partition, if its type says that there is no filesystem to look for.
package enum PartitionType: Equatable {
  /// Contains other partitions, or something that is not a filesystem.
  case recognized
  /// Part of a Windows dynamic disk (LDM).
  case dynamicDisk
  /// Any other.
  case other

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

  private static func ofMBR(_ type: Substring) -> PartitionType {
    switch type {
    // Extended partitions, which contain other partitions.
    case "0x5", "0xf", "0x85": .recognized
    // PReP boot, the protective entry for a GPT, ESXi core dumps.
    case "0x41", "0xee", "0xfc": .recognized
    case "0x42": .dynamicDisk
    default: .other
    }
  }

  /// Recognizes the partition map itself, free space and drivers.
  private static func ofApple(_ type: Substring) -> PartitionType {
    switch type {
    case "Apple_partition_map", "Apple_Free", "Apple_Void", "Apple_Scratch", "Apple_Extra": .recognized
    case _ where ["Apple_Driver", "Apple_FWDriver", "Apple_Patches"].contains(where: type.hasPrefix): .recognized
    default: .other
    }
  }

  private static func ofGPT(_ type: Substring) -> PartitionType {
    switch type {
    // BIOS boot, PReP boot.
    case "21686148-6449-6e6f-744e-656564454649", "9e1a2d38-c612-4316-aa26-8b49521e5a8b": .recognized
    // Microsoft reserved, and the LDM database of a dynamic disk.
    case "e3c9e316-0b5c-4db8-817d-f92df00215ae", "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3": .recognized
    // Solaris reserved, which ZFS creates.
    case "6a945a3b-1dd2-11b2-99a6-080020736631": .recognized
    // ESXi core dumps and reserved space.
    case "9d275380-40ad-11db-bf97-000c2911d1b8", "9198effc-31c0-11db-8f78-000c2911d1b8": .recognized
    // ChromeOS kernels and firmware.
    case "fe3a2a5d-4f32-41a7-b725-accc3285a309", "cab6e88e-abf3-4102-a07a-d4bb9be3c1d3": .recognized
    case "af9b60a0-1431-4f62-bc68-3311714a69ad": .dynamicDisk
    default: .other
    }
  }
}
