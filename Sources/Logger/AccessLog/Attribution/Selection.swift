import BlockMap
import Glibc

/// Which parts of requests a log is to hold: by what they are named after.
public struct Selection: Sendable {
  /// The kinds to keep; nil for all, and for what no object covers.
  public var kinds: Set<ObjectKind>?
  /// What the path of an object has to match, as fnmatch(3) has it: `*` matches a slash, too. An object without a path
  /// does not match. Ends with a NUL.
  private var pattern: [CChar]?

  public init(kinds: Set<ObjectKind>? = nil) {
    self.kinds = kinds
  }

  /// Keeps only paths that match this pattern of a shell's, which holds no NUL.
  public mutating func setPattern(_ pattern: [UInt8]) {
    self.pattern = pattern.map { CChar(bitPattern: $0) } + [0]
  }

  /// Whether it keeps everything.
  public var isEverything: Bool { kinds == nil && pattern == nil }

  /// Whether an object is one to keep.
  func keeps(_ object: ObjectID, _ map: SharedMap) -> Bool {
    if let kinds, !kinds.contains(map.index.map.objects.kind(of: object)) { return false }
    guard let pattern else { return true }
    return map.index.map.objects.withPath(of: object) { path in
      guard let path else { return false }
      // fnmatch wants a NUL behind it, and would stop at one within it, which no file's name has.
      let name = path.map { CChar(bitPattern: $0) } + [0]
      return fnmatch(pattern, name, 0) == 0
    }
  }
}

/// A selection that remembers what it said of each object of a map, so that a pattern is matched once an object.
struct MemorizedSelection: Sendable {
  private enum Verdict {
    static let unknown: UInt8 = 0
    static let kept: UInt8 = 1
    static let dropped: UInt8 = 2
  }

  private let selection: Selection
  /// A byte an object; none if everything is kept.
  private var verdicts: [UInt8]

  init(_ selection: Selection, of map: SharedMap?) {
    self.selection = selection
    verdicts = selection.isEverything ? [] : Array(repeating: Verdict.unknown, count: map?.index.map.objects.count ?? 0)
  }

  var isEverything: Bool { selection.isEverything }

  /// Whether any of the objects after which a part is named is one to keep.
  mutating func keeps(_ request: AttributedRequest, _ part: Int, _ map: SharedMap?) -> Bool {
    guard !selection.isEverything else { return true }
    guard let map else { return false }
    for place in request.named(in: part) {
      let object = request[owner: place].object
      let number = Int(object.rawValue)
      if verdicts[number] == Verdict.unknown {
        verdicts[number] = selection.keeps(object, map) ? Verdict.kept : Verdict.dropped
      }
      if verdicts[number] == Verdict.kept { return true }
    }
    return false
  }
}
