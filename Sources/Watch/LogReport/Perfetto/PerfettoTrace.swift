import AccessLog
import BlockMap
import Bytes
import LogReading

/// Writes requests as a trace for Perfetto (https://perfetto.dev), one after the other: a slice for each request on a
/// lane of its connection, and counters for the throughput.
package struct PerfettoTrace {
  private typealias Fields = TraceFields
  private static let annotationNumbers = Dictionary(
    uniqueKeysWithValues: TraceNames.annotations.map { ($0, TraceNames.number(of: $0)) })

  private var tracks = TraceTracks()
  private var names = TraceNames()
  private var selected: SelectedObjects
  private let disk: Int?
  private var hasBegun = false

  /// - Parameters:
  ///   - selection: a request is written if any of its pieces is of such an object.
  ///   - disk: the disk whose requests are written, from 1; nil for all.
  package init(selection: ObjectSelection = ObjectSelection(), disk: Int? = nil) {
    selected = SelectedObjects(selection)
    self.disk = disk
  }

  /// Appends a request. One without a time cannot be written.
  /// - Returns: false if the request has no time.
  package mutating func append(
    _ request: borrowing LoggedRequest, _ table: borrowing ObjectTable, to output: inout [UInt8]
  ) -> Bool {
    guard let begin = request.time else { return false }
    guard disk.map({ $0 == request.disk }) ?? true, let shown = shownPiece(request, table) else { return true }
    let end = begin.addingSaturated(request.latency ?? 0)
    if !hasBegun { appendBeginning(to: &output) }
    hasBegun = true
    let track = tracks.track(disk: request.disk, connection: request.connection, from: begin, to: end) {
      Self.append($0, to: &output)
    }
    appendBegin(request, shown.object, isAlone: shown.isAlone, track, at: begin, table, to: &output)
    guard track.hasLane else { return true }
    Self.appendPacket(to: &output, at: end) { packet in
      packet.add(Fields.Packet.trackEvent) { event in
        event.add(Fields.Event.type, Fields.Event.end)
        event.add(Fields.Event.track, track.id)
      }
    }
    return true
  }

  /// Appends the throughput, in bytes per second. Call this after the last request.
  package mutating func append(_ throughput: Throughput, to output: inout [UInt8]) {
    guard hasBegun else { return }
    for (name, steps) in [("read", throughput.reads), ("written", throughput.writes)]
    where steps.contains(where: { $0 > 0 }) {
      let track = tracks.counter(name, unit: "bytes/s") { Self.append($0, to: &output) }
      // A value holds until the next one.
      var before: UInt64?
      for step in 0...steps.count {
        let bytes = step < steps.count ? steps[step] : 0
        guard bytes != before else { continue }
        before = bytes
        let rate = Double(bytes) * 1e9 / Double(throughput.width)
        Self.appendPacket(to: &output, at: throughput.begin(of: step)) { packet in
          packet.add(Fields.Packet.trackEvent) { event in
            event.add(Fields.Event.type, Fields.Event.counter)
            event.add(Fields.Event.track, track)
            event.add(Fields.Event.counterValue, UInt64(min(rate, 9e18)))
          }
        }
      }
    }
  }

  /// The first object of the first piece that is selected, and whether the request has no others.
  private mutating func shownPiece(
    _ request: borrowing LoggedRequest, _ table: borrowing ObjectTable
  ) -> (object: ObjectID?, isAlone: Bool)? {
    guard !request.pieces.isEmpty else { return selected.keeps(nil, table) ? (nil, true) : nil }
    for piece in request.pieces {
      let object = request.named(of: piece).first?.object
      if selected.keeps(object, table) { return (object, request.pieces.count == 1) }
    }
    return nil
  }

  private mutating func appendBegin(
    _ request: borrowing LoggedRequest, _ object: ObjectID?, isAlone: Bool, _ track: (id: UInt64, hasLane: Bool),
    at begin: UInt64, _ table: borrowing ObjectTable, to output: inout [UInt8]
  ) {
    var interned = ProtobufMessage()
    if let object { names.introduce(object, table, interned: &interned) }
    var event = ProtobufMessage()
    event.add(Fields.Event.type, track.hasLane ? Fields.Event.begin : Fields.Event.instant)
    event.add(Fields.Event.track, track.id)
    event.add(Fields.Event.nameID, TraceNames.number(of: object))
    event.add(Fields.Event.categories, request.operation.word.utf8)
    Self.annotate(&event, "offset", request.range.lowerBound)
    Self.annotate(&event, "length", request.range.upperBound - request.range.lowerBound)
    annotate(&event, "operation", Array(request.operation.word.utf8), &interned)
    if let object {
      annotate(&event, "kind", Array(table.kind(of: object).word.utf8), &interned)
      annotate(&event, "device", ExportedName.text(table.device(of: object), as: .device), &interned)
      if table.withPath(of: object, { $0 != nil }) {
        Self.annotate(&event, "path", Fields.Annotation.stringID, TraceNames.number(of: object))
      }
    }
    if !isAlone { Self.annotate(&event, "more objects", UInt64(request.pieces.count - 1)) }
    if let error = request.error { annotate(&event, "result", Array(error.utf8), &interned) }
    Self.appendPacket(to: &output, at: begin) { packet in
      packet.add(Fields.Packet.trackEvent, event.bytes)
      if !interned.bytes.isEmpty { packet.add(Fields.Packet.internedData, interned.bytes) }
    }
  }

  private static func annotate(_ event: inout ProtobufMessage, _ name: String, _ value: UInt64) {
    annotate(&event, name, Fields.Annotation.unsigned, value)
  }

  private static func annotate(_ event: inout ProtobufMessage, _ name: String, _ field: UInt32, _ value: UInt64) {
    event.add(Fields.Event.annotations) { annotation in
      annotation.add(Fields.Annotation.nameID, annotationNumbers[name] ?? 0)
      annotation.add(field, value)
    }
  }

  private mutating func annotate(
    _ event: inout ProtobufMessage, _ name: String, _ text: [UInt8], _ interned: inout ProtobufMessage
  ) {
    if let number = names.number(of: text, interned: &interned) {
      return Self.annotate(&event, name, Fields.Annotation.stringID, number)
    }
    event.add(Fields.Event.annotations) { annotation in
      annotation.add(Fields.Annotation.nameID, Self.annotationNumbers[name] ?? 0)
      annotation.add(Fields.Annotation.string, text)
    }
  }

  /// The first packet says that numbers of texts are counted anew.
  private func appendBeginning(to output: inout [UInt8]) {
    var interned = ProtobufMessage()
    TraceNames.introduceAll(to: &interned)
    Self.appendPacket(to: &output, flags: Fields.SequenceFlags.stateCleared) { packet in
      packet.add(Fields.Packet.internedData, interned.bytes)
    }
  }

  private static func append(_ track: TraceTracks.New, to output: inout [UInt8]) {
    appendPacket(to: &output) { packet in
      packet.add(Fields.Packet.trackDescriptor) { descriptor in
        descriptor.add(Fields.Track.uuid, track.id)
        descriptor.add(Fields.Track.name, track.name.utf8)
        if let parent = track.parent { descriptor.add(Fields.Track.parent, parent) }
        descriptor.add(Fields.Track.ordering, Fields.Track.explicitOrdering)
        descriptor.add(Fields.Track.rank, min(track.rank, UInt64(Int32.max)))
        if let unit = track.unit {
          descriptor.add(Fields.Track.counter) { $0.add(Fields.Counter.unitName, unit.utf8) }
        }
      }
    }
  }

  private static func appendPacket(
    to output: inout [UInt8], at time: UInt64? = nil, flags: UInt64 = Fields.SequenceFlags.needsState,
    _ body: (inout ProtobufMessage) -> Void
  ) {
    var trace = ProtobufMessage()
    trace.add(Fields.Trace.packet) { packet in
      if let time { packet.add(Fields.Packet.timestamp, time) }
      packet.add(Fields.Packet.sequenceID, UInt64(1))
      packet.add(Fields.Packet.sequenceFlags, flags)
      body(&packet)
    }
    output.append(contentsOf: trace.bytes)
  }
}
