/// Places of disks that are asked for next.
///
/// A query of a large map waits for the memory several times: for the index's directory, for what that points to, for the
/// object, and, if its name is wanted, for that. Each such wait is as long as all the rest. Where several requests are
/// known, fetching each of these for all of them first lets the memory work for all at once. The value's memory is used
/// again.
public struct Lookahead: Sendable {
  private struct Place {
    var byte: UInt64
    var disk: Int
  }

  private var places: [Place] = []
  private var objects: [ObjectID] = []

  public init() {}

  /// Forgets all places.
  public mutating func removeAll() { places.removeAll(keepingCapacity: true) }

  /// Adds the place where a request begins. `disk` is 1 for the first.
  public mutating func add(_ byte: UInt64, disk: Int) { places.append(Place(byte: byte, disk: disk)) }

  /// Begins to fetch what queries at these places read of `index`.
  public func fetch(from index: MapIndex) {
    for number in places.indices { index.prefetchDirectory(places[number].byte, disk: places[number].disk) }
    for number in places.indices { index.prefetchSegment(places[number].byte, disk: places[number].disk) }
  }

  /// Begins to fetch the names of the first objects there, after `fetch`.
  public mutating func fetchNames(from index: MapIndex) {
    objects.removeAll(keepingCapacity: true)
    for number in places.indices {
      guard let object = index.likelyObject(at: places[number].byte, disk: places[number].disk) else { continue }
      index.map.objects.prefetch(object)
      objects.append(object)
    }
    for number in objects.indices { index.map.objects.prefetchPath(of: objects[number]) }
  }
}
