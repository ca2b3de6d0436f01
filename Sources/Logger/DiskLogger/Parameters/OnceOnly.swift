import NBDKit

/// The parameters that were given, of which most make sense once only.
public struct OnceOnly: Sendable {
  private let repeatable: Set<String>
  private var seen: Set<String> = []

  /// - Parameter repeatable: what may be given again.
  public init(but repeatable: Set<String>) {
    self.repeatable = repeatable
  }

  /// - Throws: it was there before.
  public mutating func insert(_ key: String) throws {
    guard seen.insert(key).inserted || repeatable.contains(key) else {
      throw PluginError(errno: .invalid, "\(key)= is given twice")
    }
  }
}
