import BlockMap
import LogReading

/// The requests of a log, as text.
struct ReadLog {
  var parser = LogParser()
  var requests: [String] = []
  var cutLine: Int?
  var lost: UInt64 { parser.lost }
  var hasTimes: Bool? { parser.hasTimes }

  init(_ text: String, blockSize: Int = 1 << 20) throws {
    try self.init(Array(text.utf8), blockSize: blockSize)
  }

  init(_ bytes: [UInt8], blockSize: Int = 1 << 20) throws {
    var requests: [String] = []
    for start in stride(from: 0, to: bytes.count, by: blockSize) {
      try bytes[start..<min(start + blockSize, bytes.count)].withUnsafeBytes {
        try parser.feed($0) { request, objects in
          var text =
            "\(request.time.map(String.init) ?? "nil") \(request.operation.word) \(request.disk) \(request.connection)"
            + " \(request.range) \(request.latency.map(String.init) ?? "nil")"
          if let error = request.error { text += " \(error)" }
          for piece in request.pieces {
            text += " | \(piece.range)"
            for owner in request.named(of: piece) {
              var name = [objects.kind(of: owner.object).rawValue, 0x20]
              objects.appendEscapedName(of: owner.object, to: &name)
              text += " " + String(decoding: name, as: UTF8.self) + (owner.offset.map { "+\($0)" } ?? "")
            }
            if piece.isStale { text += " stale" }
            if piece.isRest { text += " rest" }
          }
          requests.append(text)
        }
      }
    }
    self.requests = requests
    cutLine = try parser.finish()
  }
}
