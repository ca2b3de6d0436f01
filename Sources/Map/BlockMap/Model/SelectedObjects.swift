/// A selection that remembers its verdict on each object, so that a pattern is matched only once for each.
package struct SelectedObjects: Sendable {
  private let selection: ObjectSelection
  /// By the number of the object; empty if everything is kept.
  private var verdicts: [Bool?] = []

  package init(_ selection: ObjectSelection) { self.selection = selection }

  /// Whether everything is kept.
  package var isEverything: Bool { selection.isEverything }

  /// - Parameters:
  ///   - object: nil for what no object covers, which only a selection of everything keeps.
  ///   - table: the same for each call. It may grow.
  package mutating func keeps(_ object: ObjectID?, _ table: borrowing ObjectTable) -> Bool {
    guard !selection.isEverything else { return true }
    guard let object else { return false }
    let index = Int(object.rawValue)
    if index >= verdicts.count { verdicts += Array(repeating: nil, count: index + 1 - verdicts.count) }
    if let known = verdicts[index] { return known }
    let isKept = selection.keeps(object, in: table)
    verdicts[index] = isKept
    return isKept
  }
}
