/// Adds up what changed in each directory and all directories below it.
struct DirectoryTotals {
  struct Key: Hashable {
    var device: [UInt8]
    var path: [UInt8]
  }

  /// A path can have a hundred thousand components. Deeper directories count for the one at this depth.
  private static let maximumDepth = 32
  private static let slash = UInt8(ascii: "/")

  private(set) var totals: [Key: ChangeTotals] = [:]

  /// Adds what changed in a file.
  mutating func add(_ changed: ChangeTotals, file: Key) {
    guard let last = file.path.lastIndex(of: Self.slash) else { return }
    add(changed, directory: Key(device: file.device, path: Array(file.path[..<last])))
  }

  /// Adds what changed in a directory itself.
  mutating func add(_ changed: ChangeTotals, directory: Key) {
    totals[Key(device: directory.device, path: [Self.slash]), default: ChangeTotals()] += changed
    let path = directory.path
    guard path.count > 1 else { return }
    let ends = path.indices.dropFirst().filter { path[$0] == Self.slash } + [path.endIndex]
    for end in ends.prefix(Self.maximumDepth) {
      totals[Key(device: directory.device, path: Array(path[..<end])), default: ChangeTotals()] += changed
    }
  }
}
