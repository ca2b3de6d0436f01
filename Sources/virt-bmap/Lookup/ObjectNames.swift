import BlockMap

/// Finds objects by the names that people give them.
struct ObjectNames {
  private let map: BlockMap
  let ranges: ObjectRanges
  /// Every device, sorted.
  private let devices: [[UInt8]]
  /// The kinds that the map has.
  private let kinds: Set<ObjectKind>

  init(_ map: BlockMap) {
    self.map = map
    ranges = ObjectRanges(map)
    var devices: Set<[UInt8]> = []
    var kinds: Set<ObjectKind> = []
    for id in map.objects.ids {
      kinds.insert(map.objects.kind(of: id))
      devices.insert(map.objects.device(of: id))
    }
    self.devices = devices.sorted { $0.lexicographicallyPrecedes($1) }
    self.kinds = kinds
  }

  /// The objects that a name can mean.
  ///
  /// Both a device name and a path can contain a colon. So every way to read the name is tried, first with the name as
  /// it is, then with the name unescaped as in a map. A path without a device is looked for on all devices.
  func objects(named name: [UInt8]) -> [ObjectID] {
    let readings = [name, Escaping.unescape(name)].compactMap { $0 }
    for bytes in readings {
      for colon in bytes.indices.dropLast() where bytes[colon] == 0x3a && bytes[colon + 1] == 0x2f {
        let found = find(device: Array(bytes[..<colon]), path: Array(bytes[(colon + 1)...]))
        if !found.isEmpty { return found }
      }
      let found = find(device: bytes, path: nil)
      if !found.isEmpty { return found }
    }
    for bytes in readings where bytes.first == UInt8(ascii: "/") {
      let found = devices.flatMap { find(device: $0, path: bytes) }
      if !found.isEmpty { return found }
    }
    return []
  }

  private func find(device: [UInt8], path: [UInt8]?) -> [ObjectID] {
    kinds.compactMap { map.objects.find(kind: $0, device: device, path: path) }
  }
}
