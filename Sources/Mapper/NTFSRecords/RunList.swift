/// Clusters of an attribute that follow one another on the volume, or a hole.
public struct Run: Equatable, Sendable {
  /// The first cluster, counted from the beginning of the attribute.
  public var start: UInt64
  /// The number of clusters; at least one.
  public var count: UInt64
  /// The first cluster on the volume; nil for a hole.
  public var cluster: UInt64?

  public init(start: UInt64, count: UInt64, cluster: UInt64?) {
    (self.start, self.count, self.cluster) = (start, count, cluster)
  }
}

/// Run lists: for each run a byte with the sizes of two numbers, then the length of the run, then its distance from the
/// previous run. A run without a distance is a hole.
///
/// Source: "NTFS Documentation" of the Linux-NTFS project, "Data Runs".
enum RunList {
  /// Larger than any number on a volume, and small enough that sums and products with a cluster size fit.
  private static let maximum: UInt64 = 1 << 42

  /// - Parameters:
  ///   - bytes: the list; other bytes may follow its end.
  ///   - start: the cluster of the attribute with which the list begins.
  /// - Returns: nil if the list is malformed or does not end.
  static func decode(_ bytes: ArraySlice<UInt8>, from start: UInt64) -> [Run]? {
    guard start < maximum else { return nil }
    var runs: [Run] = []
    var rest = bytes
    var position = start
    var cluster: Int64 = 0
    while let sizes = rest.popFirst() {
      guard sizes != 0 else { return runs }
      guard let count = number(&rest, Int(sizes & 15)), count > 0, count < maximum, position + UInt64(count) < maximum
      else {
        return nil
      }
      var runCluster: UInt64?
      if sizes >> 4 != 0 {
        guard let distance = number(&rest, Int(sizes >> 4)), distance.magnitude < maximum else { return nil }
        cluster += distance
        guard cluster >= 0, cluster < maximum else { return nil }
        runCluster = UInt64(cluster)
      }
      runs.append(Run(start: position, count: UInt64(count), cluster: runCluster))
      position += UInt64(count)
    }
    return nil
  }

  /// Takes a signed number of `count` bytes.
  private static func number(_ bytes: inout ArraySlice<UInt8>, _ count: Int) -> Int64? {
    guard (1...8).contains(count) else { return nil }
    var value: UInt64 = 0
    for index in 0..<count {
      guard let byte = bytes.popFirst() else { return nil }
      value |= UInt64(byte) << (8 * UInt64(index))
    }
    let unused = 64 - 8 * Int64(count)
    return Int64(bitPattern: value << unused) >> unused
  }
}
