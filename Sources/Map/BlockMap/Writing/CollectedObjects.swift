/// The objects of a map that is being built, each stored once: 8 bytes per object, 16 to 64 in the hash table, and the
/// names of their paths.
struct CollectedObjects: Sendable {
  private struct Entry: Sendable {
    /// The kind's letter in the top 8 bits, the device's number in the rest.
    var kindAndDevice: UInt32
    /// The path's number in the tree, or `noPath`.
    var path: UInt32
  }

  private static let noPath = UInt32.max
  private static let deviceMask: UInt32 = 0xff_ffff

  private var entries: [Entry] = []
  private var slots = SlotTable()
  private let hash = ByteHash()
  private var devices: [[UInt8]] = []
  private var deviceNumbers: [[UInt8]: UInt32] = [:]
  /// The device of the last object. The next object usually has the same one.
  private var lastDevice: UInt32 = 0
  var paths = PathTree()

  var count: Int { entries.count }

  /// The object with this kind, device and path, added if it is new. Nil if a limit of `FormatLimits` is exceeded.
  mutating func intern(kind: ObjectKind, device: UnsafeRawBufferPointer, path: UInt32?) -> ObjectID? {
    guard let device = intern(device: device) else { return nil }
    return intern(Entry(kindAndDevice: UInt32(kind.rawValue) << 24 | device, path: path ?? Self.noPath))
  }

  /// The object of another kind with the same device and path, added if it is new. Nil if there are too many.
  mutating func intern(kind: ObjectKind, like id: ObjectID) -> ObjectID? {
    var entry = entries[Int(id.rawValue)]
    entry.kindAndDevice = UInt32(kind.rawValue) << 24 | entry.kindAndDevice & Self.deviceMask
    return intern(entry)
  }

  private mutating func intern(_ entry: Entry) -> ObjectID? {
    let hashed = withUnsafeBytes(of: entry.path) { hash($0, salt: UInt64(entry.kindAndDevice)) }
    let found = slots.find(hashed) { number in
      let known = entries[Int(number)]
      return known.path == entry.path && known.kindAndDevice == entry.kindAndDevice
    }
    if let found { return ObjectID(rawValue: found) }
    guard entries.count < FormatLimits.entries else { return nil }
    let number = UInt32(entries.count)
    entries.append(entry)
    slots.insert(hashed, number: number)
    return ObjectID(rawValue: number)
  }

  private mutating func intern(device: UnsafeRawBufferPointer) -> UInt32? {
    if Int(lastDevice) < devices.count, devices[Int(lastDevice)].elementsEqual(device) { return lastDevice }
    guard device.count <= FormatLimits.deviceBytes else { return nil }
    let name = Array(device)
    if let found = deviceNumbers[name] {
      lastDevice = found
      return found
    }
    guard devices.count < FormatLimits.devices else { return nil }
    lastDevice = UInt32(devices.count)
    deviceNumbers[name] = lastDevice
    devices.append(name)
    return lastDevice
  }

  func kind(of id: ObjectID) -> ObjectKind {
    ObjectKind(rawValue: UInt8(entries[Int(id.rawValue)].kindAndDevice >> 24)) ?? .disk
  }

  func device(of id: ObjectID) -> [UInt8] { devices[deviceNumber(of: id)] }

  /// The length of the device's name in bytes.
  func deviceLength(of id: ObjectID) -> Int { devices[deviceNumber(of: id)].count }

  /// The path's number in `paths`, or nil if the object has no path.
  func path(of id: ObjectID) -> UInt32? {
    let path = entries[Int(id.rawValue)].path
    return path == Self.noPath ? nil : path
  }

  /// The number of a device; nil if it has no objects.
  func number(ofDevice name: [UInt8]) -> UInt32? { deviceNumbers[name] }

  func isOnDevice(_ id: ObjectID, number: UInt32?) -> Bool {
    entries[Int(id.rawValue)].kindAndDevice & Self.deviceMask == number
  }

  private func deviceNumber(of id: ObjectID) -> Int {
    Int(entries[Int(id.rawValue)].kindAndDevice & Self.deviceMask)
  }
}

extension CollectedObjects: ObjectOrder {
  func isOrderedBefore(_ a: ObjectID, _ b: ObjectID) -> Bool {
    let (rankA, rankB) = (kind(of: a).sortRank, kind(of: b).sortRank)
    if rankA != rankB { return rankA < rankB }
    let (deviceA, deviceB) = (deviceNumber(of: a), deviceNumber(of: b))
    if deviceA != deviceB { return devices[deviceA].lexicographicallyPrecedes(devices[deviceB]) }
    guard let pathA = path(of: a), let pathB = path(of: b) else { return path(of: a) == nil && path(of: b) != nil }
    return paths.isOrderedBefore(pathA, pathB)
  }
}
