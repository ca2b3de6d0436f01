import BlockMap

/// The devices of a map, and which objects are on each of them.
struct DeviceTable {
  struct Device {
    var name: [UInt8]
    /// The name that blkid(8) has for the content; empty if it is not known.
    var type: [UInt8] = []
    var isEncrypted = false
    var holdsFilesystem = false
  }

  /// First those that the header describes, then the others that have objects.
  private(set) var devices: [Device] = []
  /// The device of each object, as an index into `devices`.
  private(set) var deviceOfObject: [UInt32] = []
  /// The objects, sorted by device, and for each device in the order of the map.
  private var sorted: [UInt32] = []
  /// Where the objects of each device start in `sorted`; the last element is the number of objects.
  private var starts: [Int] = []

  init(_ map: BlockMap) {
    var indices: [[UInt8]: Int] = [:]
    for described in map.devices where indices[described.name] == nil {
      indices[described.name] = devices.count
      devices.append(
        Device(
          name: described.name, type: described.type, isEncrypted: described.isEncrypted,
          holdsFilesystem: described.holdsFilesystem))
    }
    for id in map.objects.ids {
      let name = map.objects.device(of: id)
      let index = indices[name] ?? devices.count
      if index == devices.count {
        indices[name] = index
        devices.append(Device(name: name))
      }
      deviceOfObject.append(UInt32(truncatingIfNeeded: index))
      let kind = map.objects.kind(of: id)
      if kind == .file || kind == .directory { devices[index].holdsFilesystem = true }
    }
    sortObjects()
  }

  func objects(ofDevice index: Int) -> some RandomAccessCollection<ObjectID> {
    sorted[starts[index]..<starts[index + 1]].lazy.map { ObjectID(rawValue: $0) }
  }

  private mutating func sortObjects() {
    starts = [Int](repeating: 0, count: devices.count + 1)
    for device in deviceOfObject { starts[Int(device) + 1] += 1 }
    for device in devices.indices { starts[device + 1] += starts[device] }
    sorted = [UInt32](repeating: 0, count: deviceOfObject.count)
    var next = starts
    for (object, device) in deviceOfObject.enumerated() {
      sorted[next[Int(device)]] = UInt32(object)
      next[Int(device)] += 1
    }
  }
}
