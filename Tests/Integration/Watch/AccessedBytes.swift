import SystemPackage

/// How many bytes of each object were accessed by each operation.
struct AccessedBytes: Equatable, CustomStringConvertible {
  /// By the operation and the names of the objects, such as `read /dev/sda1:/a`.
  private(set) var bytes: [String: UInt64] = [:]

  init(_ bytes: [String: UInt64]) { self.bytes = bytes }

  init(_ log: LogJSON) {
    for request in log.requests {
      for piece in request.pieces { add(request.op, Set(piece.named.map(\.part)), piece.length) }
    }
  }

  init(_ log: LogText) {
    for part in log.parts {
      for range in part.ranges { add(part.operation, part.objects, range.upperBound - range.lowerBound) }
    }
  }

  private mutating func add(_ operation: String, _ objects: Set<LogText.Part.Object>, _ length: UInt64) {
    let names = objects.map { $0.kind == "v" ? "disk" : $0.name.description }.sorted().joined(separator: " ")
    bytes["\(operation) \(names)", default: 0] += length
  }

  /// Without what belongs only to the whole disk, which programs read on their own account.
  var withoutDisk: AccessedBytes { AccessedBytes(bytes.filter { !$0.key.hasSuffix(" disk") }) }

  var description: String { bytes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ") }
}
