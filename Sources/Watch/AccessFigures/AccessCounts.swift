import Bytes

/// Accesses of one direction, to anything that can be accessed: an object, a directory, a device, a disk.
package struct AccessCounts: Hashable, Sendable {
  /// How many requests touched it.
  package var requests: UInt64 = 0
  package var bytes: UInt64 = 0
  /// Bytes that were accessed at least once.
  package var distinctBytes: UInt64 = 0
  /// How many of the requests began where the one before it had ended.
  package var sequential: UInt64 = 0
  /// The first and the last request: `AccessFigures.Moment`. Nil if there was none.
  package var first: UInt64?
  package var last: UInt64?

  package init() {}

  /// Bytes that had been accessed before.
  package var repeatedBytes: UInt64 { bytes >= distinctBytes ? bytes - distinctBytes : 0 }

  /// How many bytes were accessed for each distinct byte; nil if there were none.
  package var amplification: Double? { distinctBytes == 0 ? nil : Double(bytes) / Double(distinctBytes) }

  /// Adds a request.
  mutating func add(bytes count: UInt64, distinct: UInt64, isSequential: Bool, at moment: UInt64) {
    requests &+= 1
    bytes = bytes.addingSaturated(count)
    distinctBytes = distinctBytes.addingSaturated(distinct)
    if isSequential { sequential &+= 1 }
    include(moment)
  }

  /// Adds what was counted for a part, such as a file of a directory.
  package mutating func add(_ part: AccessCounts) {
    requests = requests.addingSaturated(part.requests)
    bytes = bytes.addingSaturated(part.bytes)
    distinctBytes = distinctBytes.addingSaturated(part.distinctBytes)
    sequential = sequential.addingSaturated(part.sequential)
    for moment in [part.first, part.last].compactMap({ $0 }) { include(moment) }
  }

  private mutating func include(_ moment: UInt64) {
    first = min(first ?? moment, moment)
    last = max(last ?? moment, moment)
  }
}

/// Reads and writes apart. Zeroes and trims count as writes.
package struct AccessPair: Hashable, Sendable {
  package var reads = AccessCounts()
  package var writes = AccessCounts()

  package init() {}

  package var isEmpty: Bool { reads.requests == 0 && writes.requests == 0 }

  package mutating func add(_ part: AccessPair) {
    reads.add(part.reads)
    writes.add(part.writes)
  }
}
