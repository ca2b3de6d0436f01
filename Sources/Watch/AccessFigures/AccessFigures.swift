import AccessLog
import BlockMap
import Bytes
import LogReading

/// Adds up the requests of a log.
///
/// A piece of a request counts for one object: the first of the most specific ones. Other names of it are in `aliases`.
/// So the objects add up to the totals.
///
/// Distinct bytes are counted in sectors of 512 bytes. They are exact until 65,536 different ranges of 2 MiB of a disk
/// were accessed, which takes 40 MB; from then on, a further 2 MiB counts as accessed as soon as anything in it is.
package struct AccessFigures: Sendable {
  /// A point in a log: nanoseconds of its clock, or the number of the request in a log without times.
  package typealias Moment = UInt64

  /// The threads of the logger take their times before they write. In nanoseconds.
  private static let smallStep: UInt64 = 100_000_000

  /// What was asked of all disks. An operation that did not occur is missing.
  package private(set) var operations: [Operation: AccessCounts] = [:]
  /// Counts each request once, also if it has several pieces.
  package private(set) var total = AccessPair()
  /// The objects by their number in the log's table. There can be fewer than in the table.
  package private(set) var objects: [AccessPair] = []
  package private(set) var kinds: [ObjectKind: AccessPair] = [:]
  /// What no object of the map covers.
  package private(set) var unmapped = AccessPair()
  /// The disks by their number.
  package private(set) var disks: [Int: AccessPair] = [:]
  /// The other names of an object, and the objects that share bytes with it.
  package private(set) var aliases: [ObjectID: [ObjectID]] = [:]
  package private(set) var readLatency = LatencyHistogram()
  package private(set) var writeLatency = LatencyHistogram()
  /// Requests that failed.
  package private(set) var failed: UInt64 = 0
  /// Accesses to bytes that were written after the map was made, so that their names may be wrong.
  package private(set) var staleBytes: UInt64 = 0
  /// How often the clock of the log went back, by 100 ms or more. Requests are logged when they have been answered, so
  /// only the times of the answers have an order.
  package private(set) var stepsBack: UInt64 = 0
  package private(set) var first: Moment?
  package private(set) var last: Moment?
  /// Whether moments are times.
  package private(set) var hasTimes = false

  private var selected: SelectedObjects
  private let disk: Int?
  private var number: UInt64 = 0
  private var answered: UInt64 = 0
  private var touched = TouchedSectors()
  private var ends = SequentialEnds()

  /// - Parameters:
  ///   - selection: the objects to count.
  ///   - disk: the disk to count, from 1; nil for all.
  package init(selection: ObjectSelection = ObjectSelection(), disk: Int? = nil) {
    selected = SelectedObjects(selection)
    self.disk = disk
  }

  /// Adds a request, in the order of the log.
  package mutating func add(_ request: borrowing LoggedRequest, _ table: borrowing ObjectTable) {
    guard disk.map({ $0 == request.disk }) ?? true else { return }
    let moment = moment(of: request)
    guard request.operation != .flush else {
      if selected.isEverything { count(request, bytes: 0, distinct: 0, at: moment) }
      return
    }
    let direction = Direction(request.operation)
    var (bytes, distinct, isKept) = (UInt64(0), UInt64(0), request.pieces.isEmpty && selected.isEverything)
    for piece in request.pieces {
      let owner = request.named(of: piece).first?.object
      guard selected.keeps(owner, table) else { continue }
      isKept = true
      let length = piece.range.upperBound - piece.range.lowerBound
      let new = touched.untouched(piece.range, of: request.disk, direction)
      (bytes, distinct) = (bytes.addingSaturated(length), distinct.addingSaturated(new))
      if piece.isStale { staleBytes = staleBytes.addingSaturated(length) }
      guard let direction else { continue }
      addAliases(request.named(of: piece))
      let isSequential = ends.continues(piece.range, owner, of: request.disk, direction)
      add(to: owner, table, direction) { $0.add(bytes: length, distinct: new, isSequential: isSequential, at: moment) }
    }
    guard isKept else { return }
    for piece in request.pieces where selected.keeps(request.named(of: piece).first?.object, table) {
      touched.insert(piece.range, of: request.disk, direction)
    }
    count(request, bytes: bytes, distinct: distinct, at: moment)
  }

  private mutating func moment(of request: borrowing LoggedRequest) -> Moment {
    number &+= 1
    guard let time = request.time else { return number }
    hasTimes = true
    let answer = time.addingSaturated(request.latency ?? 0)
    if answer.addingSaturated(Self.smallStep) <= answered { stepsBack &+= 1 }
    answered = answer
    return time
  }

  private mutating func addAliases(_ named: ArraySlice<LoggedRequest.Owner>) {
    guard named.count > 1, let first = named.first?.object else { return }
    let others = named.dropFirst().lazy.map(\.object)
    if let known = aliases[first], others.allSatisfy({ known.contains($0) }) { return }
    for other in others where !(aliases[first]?.contains(other) ?? false) && other != first {
      // A map can share bytes as often as it likes.
      guard (aliases[first]?.count ?? 0) < 64 else { return }
      aliases[first, default: []].append(other)
    }
  }

  private mutating func add(
    to object: ObjectID?, _ table: borrowing ObjectTable, _ direction: Direction, _ change: (inout AccessCounts) -> Void
  ) {
    guard let object else { return change(&unmapped[direction]) }
    let index = Int(object.rawValue)
    if index >= objects.count { objects += Array(repeating: AccessPair(), count: index + 1 - objects.count) }
    change(&objects[index][direction])
    change(&kinds[table.kind(of: object), default: AccessPair()][direction])
  }

  private mutating func count(
    _ request: borrowing LoggedRequest, bytes: UInt64, distinct: UInt64, at moment: Moment
  ) {
    first = min(first ?? moment, moment)
    last = max(last ?? moment, moment)
    if request.error != nil { failed &+= 1 }
    let direction = Direction(request.operation)
    let isSequential = direction.map { ends.continues(request.range, of: request.disk, $0) } ?? false
    let change = { (counts: inout AccessCounts) in
      counts.add(bytes: bytes, distinct: distinct, isSequential: isSequential, at: moment)
    }
    change(&operations[request.operation, default: AccessCounts()])
    guard let direction else { return }
    change(&total[direction])
    change(&disks[request.disk, default: AccessPair()][direction])
    guard let latency = request.latency else { return }
    if direction == .read { readLatency.add(latency) } else { writeLatency.add(latency) }
  }
}
