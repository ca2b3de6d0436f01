import NBDKit

/// The parameters given so far. Most of them make sense only once.
public struct OnceOnly: Sendable {
  private let repeatable: Set<String>
  private var seen: Set<String> = []

  /// - Parameter repeatable: the parameters that may be repeated.
  public init(but repeatable: Set<String>) {
    self.repeatable = repeatable
  }

  /// - Throws: if the parameter was given before and may not be repeated.
  public mutating func insert(_ key: String) throws {
    guard seen.insert(key).inserted || repeatable.contains(key) else {
      throw PluginError(errno: .invalid, "\(key)= is given twice")
    }
  }
}
