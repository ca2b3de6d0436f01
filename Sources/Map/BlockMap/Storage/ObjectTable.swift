import Glibc

/// The objects of a map, each stored once, in a few flat arrays: 16 bytes per object, 16 to 64 in the hash table, and
/// the path.
public struct ObjectTable: Sendable {
  private struct Entry: Sendable {
    var pathStart: UInt64
    var pathLength: UInt32
    /// The kind's letter in the top 8 bits, the device's number in the rest.
    var kindAndDevice: UInt32
  }

  private static let noPath = UInt32.max

  private var entries: [Entry] = []
  private var paths: [UInt8] = []
  private var slots = SlotTable()
  private let hash = ByteHash()
  private var devices: [[UInt8]] = []
  private var deviceSlots = SlotTable()
  /// The device of the last object. The next object usually has the same one.
  private var lastDevice: UInt32 = 0

  package init() {}

  /// The number of objects. Their identifiers count from 0.
  public var count: Int { entries.count }

  /// The identifiers of all objects.
  public var ids: some Sequence<ObjectID> { (0..<UInt32(entries.count)).lazy.map { ObjectID(rawValue: $0) } }

  /// The object with this identifier.
  public subscript(id: ObjectID) -> MappedObject {
    MappedObject(
      kind: kind(of: id), device: device(of: id),
      path: withPath(of: id) { path in path.map { [UInt8]($0) } })
  }

  /// The kind of an object.
  public func kind(of id: ObjectID) -> ObjectKind {
    ObjectKind(rawValue: UInt8(entries[Int(id.rawValue)].kindAndDevice >> 24)) ?? .disk
  }

  /// The device of an object, not escaped.
  public func device(of id: ObjectID) -> [UInt8] {
    devices[deviceNumber(of: id)]
  }

  /// Calls `body` with an object's path, not escaped, or nil if it has none. The bytes are valid during the call.
  public func withPath<R>(of id: ObjectID, _ body: (UnsafeRawBufferPointer?) throws -> R) rethrows -> R {
    let entry = entries[Int(id.rawValue)]
    guard entry.pathLength != Self.noPath else { return try body(nil) }
    return try paths.withUnsafeBytes { paths in
      try body(UnsafeRawBufferPointer(rebasing: paths[Self.bounds(of: entry)]))
    }
  }

  /// Appends an object's device and, if it has a path, a space and the path, escaped as in a map.
  public func appendEscapedName(of id: ObjectID, to output: inout [UInt8]) {
    devices[deviceNumber(of: id)].withUnsafeBytes { Escaping.append($0, as: .device, to: &output) }
    withPath(of: id) { path in
      guard let path else { return }
      output.append(0x20)
      Escaping.append(path, as: .path, to: &output)
    }
  }

  /// The object with this kind, device and path, added if it is new. Nil if a limit of `FormatLimits` is exceeded.
  @inline(__always)
  package mutating func intern(
    kind: ObjectKind, device: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer?
  ) -> ObjectID? {
    guard let device = internDevice(device) else { return nil }
    guard (path?.count ?? 0) <= FormatLimits.pathBytes else { return nil }
    let key = Key(kind: kind, device: device, path: path)
    let hashed = hash(key.bytes, salt: key.salt)
    if let found = find(key, hashed) { return ObjectID(rawValue: found) }
    guard entries.count < FormatLimits.entries else { return nil }
    let number = UInt32(entries.count)
    entries.append(
      Entry(pathStart: UInt64(paths.count), pathLength: key.pathLength, kindAndDevice: key.kindAndDevice))
    paths.append(contentsOf: key.bytes)
    slots.insert(hashed, number: number)
    return ObjectID(rawValue: number)
  }

  /// The object with this kind, device and path, if there is one.
  public func find(kind: ObjectKind, device: [UInt8], path: [UInt8]?) -> ObjectID? {
    guard (path?.count ?? 0) <= FormatLimits.pathBytes,
      let device = device.withUnsafeBytes({ findDevice($0, hash($0, salt: 0)) })
    else { return nil }
    let found = (path ?? []).withUnsafeBytes { bytes in
      let key = Key(kind: kind, device: device, path: path == nil ? nil : bytes)
      return find(key, hash(key.bytes, salt: key.salt))
    }
    return found.map { ObjectID(rawValue: $0) }
  }

  /// What distinguishes one object from another, as `Entry` stores it.
  private struct Key {
    var kindAndDevice: UInt32
    var pathLength: UInt32
    var bytes: UnsafeRawBufferPointer

    @inline(__always)
    init(kind: ObjectKind, device: UInt32, path: UnsafeRawBufferPointer?) {
      kindAndDevice = UInt32(kind.rawValue) << 24 | device
      pathLength = path.map { UInt32(truncatingIfNeeded: $0.count) } ?? ObjectTable.noPath
      bytes = path ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    @inline(__always)
    var salt: UInt64 { UInt64(kindAndDevice) << 32 | UInt64(pathLength) }
  }

  @inline(__always)
  private func find(_ key: Key, _ hashed: UInt32) -> UInt32? {
    slots.find(hashed) { number in
      let entry = entries[Int(number)]
      guard entry.kindAndDevice == key.kindAndDevice, entry.pathLength == key.pathLength else { return false }
      guard let bytes = key.bytes.baseAddress, !key.bytes.isEmpty else { return true }
      return paths.withUnsafeBytes { paths in
        guard let base = paths.baseAddress else { return false }
        return memcmp(base + Int(entry.pathStart), bytes, key.bytes.count) == 0
      }
    }
  }

  /// Whether `a` comes before `b`: broader kinds come first, then devices and paths in byte order. An object without a
  /// path comes before those with one.
  func isOrderedBefore(_ a: ObjectID, _ b: ObjectID) -> Bool {
    let (rankA, rankB) = (kind(of: a).sortRank, kind(of: b).sortRank)
    if rankA != rankB { return rankA < rankB }
    let (deviceA, deviceB) = (deviceNumber(of: a), deviceNumber(of: b))
    if deviceA != deviceB { return devices[deviceA].lexicographicallyPrecedes(devices[deviceB]) }
    let (entryA, entryB) = (entries[Int(a.rawValue)], entries[Int(b.rawValue)])
    if entryA.pathLength == Self.noPath || entryB.pathLength == Self.noPath {
      return entryA.pathLength == Self.noPath && entryB.pathLength != Self.noPath
    }
    return paths.withUnsafeBytes { paths in
      guard let base = paths.baseAddress else { return false }
      let order = memcmp(
        base + Int(entryA.pathStart), base + Int(entryB.pathStart),
        Int(min(entryA.pathLength, entryB.pathLength)))
      return order != 0 ? order < 0 : entryA.pathLength < entryB.pathLength
    }
  }

  private static func bounds(of entry: Entry) -> Range<Int> {
    Int(entry.pathStart)..<Int(entry.pathStart) + Int(entry.pathLength)
  }

  private func deviceNumber(of id: ObjectID) -> Int {
    Int(entries[Int(id.rawValue)].kindAndDevice & 0xff_ffff)
  }

  @inline(__always)
  private mutating func internDevice(_ name: UnsafeRawBufferPointer) -> UInt32? {
    if Int(lastDevice) < devices.count, Self.isEqual(devices[Int(lastDevice)], name) { return lastDevice }
    return internOtherDevice(name)
  }

  @inline(never)
  private mutating func internOtherDevice(_ name: UnsafeRawBufferPointer) -> UInt32? {
    guard name.count <= FormatLimits.deviceBytes else { return nil }
    let hashed = hash(name, salt: 0)
    if let found = findDevice(name, hashed) {
      lastDevice = found
      return found
    }
    guard devices.count < FormatLimits.devices else { return nil }
    let number = UInt32(devices.count)
    devices.append([UInt8](name))
    deviceSlots.insert(hashed, number: number)
    lastDevice = number
    return number
  }

  private func findDevice(_ name: UnsafeRawBufferPointer, _ hashed: UInt32) -> UInt32? {
    deviceSlots.find(hashed) { Self.isEqual(devices[Int($0)], name) }
  }

  @inline(__always)
  private static func isEqual(_ a: [UInt8], _ b: UnsafeRawBufferPointer) -> Bool {
    a.withUnsafeBytes { a in
      guard a.count == b.count else { return false }
      guard let baseA = a.baseAddress, let baseB = b.baseAddress else { return true }
      return memcmp(baseA, baseB, a.count) == 0
    }
  }
}
