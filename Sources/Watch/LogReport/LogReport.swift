import AccessFigures
import AccessLog
import BlockMap
import Bytes
import LogReading

/// What a report of a log is made from: the figures, and if asked for, the accesses over time.
///
/// Memory is bounded, however long the log is: see `LogNames`, `AccessFigures`, `Timeline` and `Throughput`.
package struct LogReport: Sendable {
  package private(set) var figures: AccessFigures
  package private(set) var phases = BootPhases()
  package private(set) var throughput = Throughput()
  /// Nil if it was not asked for.
  package private(set) var timeline: Timeline?

  private var selected: SelectedObjects
  private let disk: Int?
  private var number: UInt64 = 0

  /// - Parameters:
  ///   - selection: the objects that the report is about.
  ///   - disk: the disk that it is about, from 1; nil for all.
  ///   - withTimeline: whether to keep single accesses.
  package init(selection: ObjectSelection = ObjectSelection(), disk: Int? = nil, withTimeline: Bool) {
    figures = AccessFigures(selection: selection, disk: disk)
    selected = SelectedObjects(selection)
    timeline = withTimeline ? Timeline() : nil
    self.disk = disk
  }

  /// Adds a request, in the order of the log.
  package mutating func add(_ request: borrowing LoggedRequest, _ table: borrowing ObjectTable) {
    guard disk.map({ $0 == request.disk }) ?? true else { return }
    figures.add(request, table)
    number &+= 1
    let moment = request.time ?? number
    phases.add(request, at: moment, table, &selected)
    var bytes: UInt64 = 0
    for piece in request.pieces {
      let object = request.named(of: piece).first?.object
      guard selected.keeps(object, table) else { continue }
      let length = piece.range.upperBound - piece.range.lowerBound
      bytes = bytes.addingSaturated(length)
      timeline?.add(
        Access(
          time: moment, start: piece.range.lowerBound, length: length, object: object,
          kind: object.map { table.kind(of: $0) }, disk: UInt8(clamping: request.disk), operation: request.operation))
    }
    if bytes > 0 { throughput.add(bytes, request.operation, at: moment) }
  }

  /// Call this after the last request.
  package mutating func finish() {
    phases.finish()
    timeline?.sort()
  }
}
