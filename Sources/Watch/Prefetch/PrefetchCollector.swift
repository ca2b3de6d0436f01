import BlockMap
import LogReading

/// Collects what the requests of a log read, each byte once, in the order of the first request for it. Parts come out as
/// soon as they are complete.
///
/// What the guest wrote before it read it is left out: it is not on the disk. So are requests that failed.
package struct PrefetchCollector {
  private var selected: SelectedObjects
  private let disk: Int?
  private let namesObjects: Bool
  private var parts = UnseenParts()

  /// - Parameters:
  ///   - selection: the objects to collect.
  ///   - disk: the disk to collect, from 1; nil for all.
  ///   - namesObjects: whether parts have objects. Without them, adjacent parts of several objects become one.
  package init(selection: ObjectSelection = ObjectSelection(), disk: Int? = nil, namesObjects: Bool = true) {
    self.namesObjects = namesObjects
    selected = SelectedObjects(selection)
    self.disk = disk
  }

  /// - Parameter emit: called with each part that is complete.
  package mutating func add(
    _ request: borrowing LoggedRequest, _ objects: borrowing ObjectTable, _ emit: (PrefetchPart) throws -> Void
  ) rethrows {
    guard request.operation == .read || request.operation == .cache, request.error == nil,
      disk.map({ $0 == request.disk }) ?? true
    else { return }
    var found: [PrefetchPart] = []
    for piece in request.pieces where !piece.isStale {
      let owner = request.named(of: piece).first
      guard selected.keeps(owner?.object, objects) else { continue }
      var part = PrefetchPart(disk: request.disk, range: piece.range)
      if namesObjects { (part.object, part.offset) = (owner?.object, owner?.offset) }
      found.append(part)
    }
    try parts.add(found, emit)
  }

  /// Emits the last part.
  package mutating func finish(_ emit: (PrefetchPart) throws -> Void) rethrows { try parts.finish(emit) }
}
