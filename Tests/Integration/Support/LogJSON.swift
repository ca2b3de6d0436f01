import FoundationEssentials
import SystemPackage

/// A log with one line of JSON per request, parsed from the description in the manual page alone.
struct LogJSON {
  struct Request: Decodable {
    struct Piece: Decodable {
      struct Object: Decodable {
        var kind: String
        var device: String
        var path: String?
        var offset: UInt64
      }
      var offset: UInt64
      var length: UInt64
      var objects: [Object]
      /// Nil means false.
      var stale: Bool?
    }
    var time: Double
    var op: String
    var disk: Int
    var connection: Int
    var offset: UInt64
    var length: UInt64
    var result: String
    var latency: Double
    var pieces: [Piece]
  }

  var requests: [Request] = []

  init(requests: [Request]) { self.requests = requests }

  init(contentsOf path: FilePath) throws {
    let decoder = JSONDecoder()
    for line in try [UInt8](contentsOf: path).split(separator: 0x0a) {
      let request = try decoder.decode(Request.self, from: Data(line))
      var next = request.offset
      for piece in request.pieces {
        guard piece.offset == next, piece.length > 0 else { throw TestFailure("a gap at \(next): \(Array(line).text)") }
        next += piece.length
      }
      guard next == request.offset + request.length else { throw TestFailure("not all of it: \(Array(line).text)") }
      requests.append(request)
    }
  }

  /// The parts of a text log of the same requests.
  var parts: [LogText.Part] {
    var parts: [LogText.Part] = []
    for request in requests {
      for piece in request.pieces {
        let objects = Set(piece.named.map(\.part))
        let range = piece.offset..<piece.offset + piece.length
        if parts.last?.objects == objects {
          parts[parts.count - 1].ranges.append(range)
        } else {
          parts.append(LogText.Part(objects: objects, ranges: [range]))
        }
      }
    }
    return parts.map(\.joined)
  }
}

extension LogJSON.Request.Piece {
  /// The most specific objects. Of devices that contain each other, only the first.
  var named: ArraySlice<Object> {
    guard let kind = objects.first?.kind else { return [] }
    if ["p", "l", "v"].contains(kind) { return objects.prefix(1) }
    let equal: [Set<String>] = [["m", "s", "b", "r"], ["d", "a"]]
    return objects.prefix { object in
      object.kind == kind || equal.contains { $0.isSuperset(of: [kind, object.kind]) }
    }
  }
}

extension LogJSON.Request.Piece.Object {
  var part: LogText.Part.Object {
    LogText.Part.Object(
      kind: kind.first ?? "?", name: ObjectName(device: Self.bytes(device).text, path: path.map(Self.bytes) ?? []))
  }

  /// The bytes of a name, with the octal escapes undone.
  private static func bytes(_ text: String) -> [UInt8] {
    var result: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == 0x5c, let value = UInt8(Array(rest.prefix(3)).text, radix: 8) else {
        result.append(byte)
        continue
      }
      result.append(value)
      rest = rest.dropFirst(3)
    }
    return result
  }
}
