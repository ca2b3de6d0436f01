import Glibc

/// Selects objects of a map by their kind, device and path.
public struct ObjectSelection: Sendable {
  /// The kinds to keep. Nil keeps all, also what no object covers.
  public var kinds: Set<ObjectKind>?
  /// The devices to keep, not escaped. Nil keeps all.
  public var devices: Set<[UInt8]>?
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
  public var isEverything: Bool { kinds == nil && devices == nil && pattern == nil }

  /// Whether an object is kept.
  public func keeps(_ object: ObjectID, in objects: ObjectTable) -> Bool {
    if let kinds, !kinds.contains(objects.kind(of: object)) { return false }
    if let devices, !devices.contains(objects.device(of: object)) { return false }
    guard let pattern else { return true }
    return objects.withPath(of: object) { path in
      guard let path else { return false }
      // fnmatch needs a terminating NUL. It would stop at a NUL inside the path, but no file name has one.
      let name = path.map { CChar(bitPattern: $0) } + [0]
      return fnmatch(pattern, name, 0) == 0
    }
  }
}

extension ObjectKind {
  /// The kinds in a list of letters with commas between them, such as `f,d`; nil if one of them is not known.
  public static func kinds(in list: [UInt8]) -> Set<ObjectKind>? {
    var kinds: Set<ObjectKind> = []
    for letters in list.split(separator: 0x2c, omittingEmptySubsequences: false) {
      guard letters.count == 1, let kind = known.first(where: { $0.rawValue == letters.first }) else { return nil }
      kinds.insert(kind)
    }
    return kinds
  }

  /// The letters of the kinds that have a meaning here, for a message.
  public static var knownLetters: String {
    known.map { String(Unicode.Scalar($0.rawValue)) }.joined(separator: ", ")
  }
}
