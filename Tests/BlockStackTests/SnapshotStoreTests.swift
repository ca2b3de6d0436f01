import Testing

@testable import BlockStack

@Suite struct SnapshotStoreTests {
  /// A store of 64 chunks of 4 KiB, with two tables of exceptions if the first is full.
  private func store(_ exceptions: [(UInt64, UInt64)], valid: UInt64 = 1, chunk: UInt64 = 8) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 2 << 20)
    func put(_ value: UInt64, at offset: Int, width: Int) {
      for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }
    for (index, value) in [0x7041_6e53, valid, 1, chunk].enumerated() { put(value, at: 4 * index, width: 4) }
    for (index, exception) in exceptions.enumerated() {
      // A table of 256 entries is followed by 256 chunks.
      let start = 4096 * (1 + index / 256 * 257) + index % 256 * 16
      put(exception.0, at: start, width: 8)
      put(exception.1, at: start + 8, width: 8)
    }
    return bytes
  }

  private func read(_ bytes: [UInt8]) throws -> SnapshotStore {
    try SnapshotStore(size: UInt64(bytes.count)) { Array(bytes[Int($0)..<Int($0) + $1]) }
  }

  @Test func exceptions() throws {
    let read = try read(store([(5, 2), (6, 3), (1, 4), (7, 6)]))
    #expect(read.chunk == 4096)
    #expect(
      read.runs == [
        .init(start: 1, stored: 4, count: 1), .init(start: 5, stored: 2, count: 2),
        .init(start: 7, stored: 6, count: 1),
      ])
    #expect(read.tables == [0..<4096, 4096..<8192])
    let segments = read.segments(origin: "o", store: "s", size: 30000)
    #expect(segments.map(\.range) == [0..<4096, 4096..<8192, 8192..<20480, 20480..<28672, 28672..<30000])
    let legs: [(Substring, UInt64)] = [("o", 0), ("s", 16384), ("o", 8192), ("s", 8192), ("s", 24576)]
    #expect(segments.map(\.target) == legs.map { .linear(Target.Leg(device: $0.0, offset: $0.1)) })
  }

  @Test func twoTables() throws {
    var exceptions: [(UInt64, UInt64)] = []
    // Chunk 258 is the second table.
    for old in UInt64(0)..<260 { exceptions.append((old, old < 256 ? old + 2 : old + 3)) }
    let read = try read(store(exceptions))
    #expect(read.runs == [.init(start: 0, stored: 2, count: 256), .init(start: 256, stored: 259, count: 4)])
    let last: UInt64 = 258 << 12
    let tables: [Range<UInt64>] = [0..<4096, 4096..<8192, last..<last + 4096]
    #expect(read.tables == tables)
  }

  @Test func whatIsNoStore() {
    #expect(throws: SnapshotStore.Failure.invalid) { try read(store([], valid: 0)) }
    #expect(throws: SnapshotStore.Failure.noHeader) { try read(store([], chunk: 0)) }
    #expect(throws: SnapshotStore.Failure.noHeader) { try read(store([], chunk: .max)) }
    #expect(throws: SnapshotStore.Failure.noHeader) { try read([UInt8](repeating: 0, count: 4096)) }
    #expect(throws: SnapshotStore.Failure.noHeader) { try read([]) }
    for exception in [(1, .max), (.max, 2), (1, 100_000)] as [(UInt64, UInt64)] {
      #expect(throws: SnapshotStore.Failure.damaged) { try read(store([exception])) }
    }
    // One chunk twice.
    #expect(throws: SnapshotStore.Failure.damaged) { try read(store([(1, 2), (1, 3)])) }
  }
}
