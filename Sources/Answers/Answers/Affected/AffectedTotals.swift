import BlockMap

/// Adds up the bytes of a list by use and by device. Each byte is added once.
struct AffectedTotals {
  private let map: BlockMap
  private let copied: RangeSet
  private(set) var bytes = SpaceTotals()
  private(set) var lost = SpaceTotals()
  private var devices: [Affected.DeviceTotals] = []
  private var indices: [[UInt8]: Int] = [:]
  /// The index of each object's device plus 1; 0 if it is not known yet.
  private var deviceOfObject: [UInt32]
  private var hint = 0

  init(_ map: BlockMap, copied: RangeSet) {
    (self.map, self.copied) = (map, copied)
    deviceOfObject = [UInt32](repeating: 0, count: map.objects.count)
  }

  /// - Parameters:
  ///   - piece: lies behind the one that was added last.
  ///   - object: nil if no object covers it.
  mutating func add(_ piece: Range<UInt64>, _ use: SpaceUse, _ object: ObjectID?) {
    let length = piece.upperBound - piece.lowerBound
    hint = copied.index(endingAfter: piece.lowerBound, hint: hint)
    let lost = use.hasContent ? length - copied.count(in: piece, hint: hint) : 0
    bytes[use] += length
    self.lost[use] += lost
    guard let object else { return }
    let device = device(of: object)
    devices[device].bytes += length
    devices[device].lost += lost
  }

  private mutating func device(of object: ObjectID) -> Int {
    let known = Int(deviceOfObject[Int(object.rawValue)])
    if known > 0 { return known - 1 }
    let name = map.objects.device(of: object)
    let index = indices[name] ?? devices.count
    if index == devices.count {
      indices[name] = index
      devices.append(Affected.DeviceTotals(name: name))
    }
    deviceOfObject[Int(object.rawValue)] = UInt32(index + 1)
    return index
  }

  /// The most bytes first; otherwise in the order of the disk.
  var sortedDevices: [Affected.DeviceTotals] {
    let order = devices.indices.sorted { (devices[$1].bytes, $0) < (devices[$0].bytes, $1) }
    return order.map { devices[$0] }
  }
}
