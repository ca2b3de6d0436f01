import BlockMap

/// A selection that remembers its verdict on each object, so that a pattern is matched only once for each.
struct SelectedObjects: Sendable {
  private let selection: ObjectSelection
  private var verdicts: [Bool?] = []

  init(_ selection: ObjectSelection) { self.selection = selection }

  /// - Parameter object: nil for what no object covers, which only a selection of everything keeps.
  mutating func keeps(_ object: ObjectID?, _ table: borrowing ObjectTable) -> Bool {
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
