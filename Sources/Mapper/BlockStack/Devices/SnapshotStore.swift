import Bytes

/// The exceptions of a device-mapper snapshot: which chunks of it differ from its origin, and where they are stored.
///
/// For the format, see the kernel's documentation of snapshots. The first chunk is a header. Then comes a chunk with a
/// table of exceptions and the chunks that the table can list, then another table, and so on.
package struct SnapshotStore {
  /// Chunks of the snapshot that are next to each other in the store, too.
  package struct Run: Equatable {
    /// In chunks of the snapshot.
    package var start: UInt64
    /// In chunks of the store.
    package var stored: UInt64
    package var count: UInt64
  }

  package enum Failure: Error, Equatable, CustomStringConvertible {
    case noHeader
    case invalid
    case damaged
    case tooLarge

    package var description: String {
      switch self {
      case .noHeader: "it has no valid header"
      case .invalid: "it became invalid when it was full"
      case .damaged: "it is damaged"
      case .tooLarge: "it has too many pieces"
      }
    }
  }

  /// In bytes.
  package let chunk: UInt64
  /// Sorted by their start.
  package private(set) var runs: [Run] = []
  /// The parts of the store with the header and the tables, in bytes.
  package private(set) var tables: [Range<UInt64>] = []

  private static let magic: UInt64 = 0x7041_6e53
  private static let maximumChunk: UInt64 = 1 << 20
  private static let entryBytes: UInt64 = 16

  /// Reads the store. Throws a `Failure`, or what `read` throws.
  /// - Parameters:
  ///   - size: size of the store, in bytes.
  ///   - read: returns `count` bytes at an offset, all within the store.
  package init(size: UInt64, read: (_ offset: UInt64, _ count: Int) throws -> [UInt8]) throws {
    guard size >= 512 else { throw Failure.noHeader }
    let header = try read(0, 512)
    chunk = header.little(at: 12, width: 4) * DeviceTableParser.sectorBytes
    guard header.little(at: 0, width: 4) == Self.magic, header.little(at: 8, width: 4) == 1,
      (DeviceTableParser.sectorBytes...Self.maximumChunk).contains(chunk), chunk <= size
    else { throw Failure.noHeader }
    guard header.little(at: 4, width: 4) == 1 else { throw Failure.invalid }
    tables = [0..<chunk]
    var exceptions: [Run] = []
    var isLast = false
    var table: UInt64 = 1
    while !isLast, let start = table.times(chunk), let end = start.plus(chunk), end <= size {
      let bytes = try read(start, Int(chunk))
      tables.append(start..<end)
      for offset in stride(from: 0, to: bytes.count, by: Int(Self.entryBytes)) {
        let old = bytes.little(at: offset, width: 8)
        let new = bytes.little(at: offset + 8, width: 8)
        // Chunk 0 is the header, so this entry is unused.
        guard new > 0 else {
          isLast = true
          break
        }
        guard let stored = new.plus(1)?.times(chunk), stored <= size, old.plus(1)?.times(chunk) != nil else {
          throw Failure.damaged
        }
        guard exceptions.count < ThinMetadata.maximumRuns else { throw Failure.tooLarge }
        exceptions.append(Run(start: old, stored: new, count: 1))
      }
      table += chunk / Self.entryBytes + 1
    }
    for exception in exceptions.sorted(by: { $0.start < $1.start }) {
      if let last = runs.last, exception.start < last.start + last.count { throw Failure.damaged }
      if let last = runs.last, exception.start == last.start + last.count,
        exception.stored == last.stored + last.count
      {
        runs[runs.count - 1].count += 1
      } else {
        runs.append(exception)
      }
    }
  }

  /// What the snapshot is made of.
  /// - Parameters:
  ///   - size: size of the snapshot, in bytes.
  package func segments(origin: Substring, store: Substring, size: UInt64) -> [DeviceTable.Segment] {
    var segments: [DeviceTable.Segment] = []
    var position: UInt64 = 0
    func add(to end: UInt64, _ leg: Target.Leg) {
      guard position < end else { return }
      segments.append(DeviceTable.Segment(range: position..<end, target: .linear(leg)))
      position = end
    }
    for run in runs {
      let start = run.start * chunk
      guard start < size else { break }
      add(to: start, Target.Leg(device: origin, offset: position))
      add(to: min(start + run.count * chunk, size), Target.Leg(device: store, offset: run.stored * chunk))
    }
    add(to: size, Target.Leg(device: origin, offset: position))
    return segments
  }

  /// The parts of the store that hold chunks, in bytes.
  package var used: [Range<UInt64>] { runs.map { $0.stored * chunk..<($0.stored + $0.count) * chunk } }
}
