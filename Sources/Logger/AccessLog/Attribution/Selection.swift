import BlockMap
import Glibc

/// Selects the parts of requests to log by the objects that they are named after.
public struct Selection: Sendable {
  /// The kinds to keep. Nil keeps all, also what no object covers.
  public var kinds: Set<ObjectKind>?
  /// The pattern that the path of an object must match, as in fnmatch(3): `*` also matches a slash. An object without a
  /// path does not match. Ends with a NUL.
  private var pattern: [CChar]?

  public init(kinds: Set<ObjectKind>? = nil) {
    self.kinds = kinds
  }

  /// Keeps only paths that match this shell pattern, which must not contain NUL.
  public mutating func setPattern(_ pattern: [UInt8]) {
    self.pattern = pattern.map { CChar(bitPattern: $0) } + [0]
  }

  /// Whether everything is kept.
  public var isEverything: Bool { kinds == nil && pattern == nil }

  /// Whether an object is kept.
  func keeps(_ object: ObjectID, _ map: SharedMap) -> Bool {
    if let kinds, !kinds.contains(map.index.map.objects.kind(of: object)) { return false }
    guard let pattern else { return true }
    return map.index.map.objects.withPath(of: object) { path in
      guard let path else { return false }
      // fnmatch needs a terminating NUL. It would stop at a NUL inside the path, but no file name has one.
      let name = path.map { CChar(bitPattern: $0) } + [0]
      return fnmatch(pattern, name, 0) == 0
    }
  }
}

/// A selection that remembers its result for each object of a map, so that the pattern is matched only once per object.
struct MemorizedSelection: Sendable {
  private enum Verdict {
    static let unknown: UInt8 = 0
    static let kept: UInt8 = 1
    static let dropped: UInt8 = 2
  }

  private let selection: Selection
  /// One byte per object. Empty if everything is kept.
  private var verdicts: [UInt8]

  init(_ selection: Selection, of map: SharedMap?) {
    self.selection = selection
    verdicts = selection.isEverything ? [] : Array(repeating: Verdict.unknown, count: map?.index.map.objects.count ?? 0)
  }

  /// Selects the parts of a request that are named after any object that is kept.
  mutating func select(in request: inout AttributedRequest, _ map: SharedMap?) {
    guard !selection.isEverything else { return }
    for part in request.parts.indices { request.select(part, keeps(request, part, map)) }
  }

  private mutating func keeps(_ request: AttributedRequest, _ part: Int, _ map: SharedMap?) -> Bool {
    guard let map else { return false }
    for index in request.named(in: part) {
      let object = request[owner: index].object
      let number = Int(object.rawValue)
      if verdicts[number] == Verdict.unknown {
        verdicts[number] = selection.keeps(object, map) ? Verdict.kept : Verdict.dropped
      }
      if verdicts[number] == Verdict.kept { return true }
    }
    return false
  }
}
