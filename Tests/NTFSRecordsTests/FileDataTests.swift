import Testing

@testable import NTFSRecords

@Suite struct FileDataTests {
  private let data: UInt64 = 0x80
  private let list: UInt64 = 0x20

  private func find(_ records: [UInt64: RecordImage], volume: [UInt8] = []) -> FileData? {
    var table = MemoryTable(records: records.mapValues(\.bytes), volume: volume)
    return FileData.find(of: 40, in: &table)
  }

  private func find(_ attributes: [UInt8]...) -> FileData? { find([40: RecordImage(attributes: attributes)]) }

  @Test func residentData() {
    let name = RecordImage.resident(0x30, [UInt8](repeating: 1, count: 66))
    // The data starts at 72 + 96 + 32 + 24. The named stream before it is not the file's data.
    let small = RecordImage.resident(data, Array("a few bytes".utf8))
    #expect(
      find(name, RecordImage.resident(data, [9, 9], name: 2), small)
        == .resident(record: 40, parts: [ResidentPart(recordOffset: 72 + 96 + 32 + 24, length: 11, offset: 0)]))
  }

  /// The bytes at the end of a sector are in the update sequence array at the start of the record, and are found
  /// there.
  @Test func residentDataOverASectorsEnd() throws {
    let content = (0..<600).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
    let image = RecordImage(attributes: [RecordImage.resident(data, content)])
    let found = try #require(find([40: image]))
    guard case .resident(40, let parts) = found else { throw Failure() }
    #expect(parts.count == 3 && parts[1].length == 2 && parts[1].recordOffset == 50)
    var rebuilt = [UInt8](repeating: 0, count: 600)
    for part in parts {
      rebuilt.replaceSubrange(
        part.offset..<part.offset + part.length, with: image.bytes[part.recordOffset..<part.recordOffset + part.length])
    }
    #expect(rebuilt == content)
  }

  private struct Failure: Error {}

  @Test func runs() {
    let attribute = RecordImage.runs(data, [0x11, 4, 9, 0x01, 2, 0], highest: 5, size: 3000, initialized: 1500)
    #expect(
      find(attribute)
        == .runs(
          [Run(start: 0, count: 4, cluster: 9), Run(start: 4, count: 2, cluster: nil)], size: 3000,
          initializedSize: 1500))
    let empty = RecordImage.runs(data, [0], highest: UInt64.max)
    #expect(find(empty) == .runs([], size: 0, initializedSize: 0))
  }

  @Test func whatIsNotStoredAsItIs() {
    let runs = [Run(start: 0, count: 4, cluster: 9)]
    func found(_ flags: UInt64, unit: UInt8 = 0) -> FileData? {
      find(RecordImage.runs(data, [0x11, 4, 9, 0], highest: 3, size: 2000, flags: flags, unit: unit))
    }
    for flags in [1, 0x8001] as [UInt64] {
      #expect(found(flags, unit: 4) == .compressed(runs, size: 2000, initializedSize: 2000, unit: 16))
      // Invalid numbers of clusters per compression unit.
      for unit in [0, 8, 64, 255] as [UInt8] { #expect(found(flags, unit: unit) == nil) }
    }
    #expect(found(0x4000) == .encrypted(runs, size: 2000, initializedSize: 2000))
    // Sparse but not compressed.
    #expect(found(0x8000) == .runs(runs, size: 2000, initializedSize: 2000))
  }

  /// A directory's index. An index with another name or without a name is something else.
  @Test func directoryIndex() {
    let runs = RecordImage.runs(0xa0, [0x11, 4, 9, 0], highest: 3, size: 2000, name: "$I30")
    let other = RecordImage.runs(0xa0, [0x11, 4, 30, 0], highest: 3, size: 2000, name: "$SII")
    let unnamed = RecordImage.runs(0xa0, [0x11, 4, 40, 0], highest: 3, size: 2000)
    func index(_ attributes: [UInt8]...) -> [Run]? {
      var table = MemoryTable(records: [40: RecordImage(attributes: attributes).bytes])
      return FileData.directoryIndex(of: 40, in: &table)
    }
    #expect(index(other, unnamed, runs) == [Run(start: 0, count: 4, cluster: 9)])
    #expect(index(other, unnamed) == nil)
    // The name's offset is not trusted.
    for offset in [61, 70, 0xffff] as [UInt64] {
      var bent = runs
      bent.replaceSubrange(10..<12, with: RecordImage.little(offset, 2))
      #expect(index(bent) == nil)
    }
  }

  /// A directory's index may be split across several records, like a file's data.
  @Test func directoryIndexInSeveralRecords() {
    let entries = [0, 4].flatMap { RecordImage.entry(0xa0, lowest: $0, record: 41 + $0, name: 4) }
    let part = { (lowest: UInt64) in
      RecordImage(
        number: 41 + lowest, base: 40 | 1 << 48,
        attributes: [
          RecordImage.runs(
            0xa0, [0x11, 4, UInt8(9 + lowest), 0], lowest: lowest, highest: lowest + 3, size: 16384, name: "$I30")
        ])
    }
    let first = RecordImage(attributes: [RecordImage.resident(list, entries)])
    var table = MemoryTable(records: [40: first.bytes, 41: part(0).bytes, 45: part(4).bytes])
    #expect(
      FileData.directoryIndex(of: 40, in: &table)
        == [Run(start: 0, count: 4, cluster: 9), Run(start: 4, count: 4, cluster: 13)])
  }

  /// Three parts in three records, and a part of another stream.
  private var fragmented: [UInt64: RecordImage] {
    let entries =
      RecordImage.entry(0x10, record: 40) + RecordImage.entry(data, record: 40)
      + RecordImage.entry(data, lowest: 4, record: 50) + RecordImage.entry(data, lowest: 6, record: 51)
      + RecordImage.entry(data, record: 52, name: 3)
    let first = RecordImage.runs(data, [0x11, 4, 9, 0], highest: 3, size: 4096)
    let second = RecordImage.runs(data, [0x11, 2, 40, 0], lowest: 4, highest: 5)
    let third = RecordImage.runs(data, [0x11, 2, 70, 0], lowest: 6, highest: 7)
    return [
      40: RecordImage(attributes: [RecordImage.resident(list, entries), first]),
      50: RecordImage(number: 50, base: 40 | 1 << 48, attributes: [second]),
      51: RecordImage(number: 51, base: 40 | 1 << 48, attributes: [third]),
    ]
  }

  private let fragments = FileData.runs(
    [
      Run(start: 0, count: 4, cluster: 9), Run(start: 4, count: 2, cluster: 40), Run(start: 6, count: 2, cluster: 70),
    ], size: 4096, initializedSize: 4096)

  @Test func dataInSeveralRecords() {
    #expect(find(fragmented) == fragments)
  }

  @Test func partsAreLearntOneByOne() {
    var table = MemoryTable(records: fragmented.mapValues(\.bytes))
    var parts: [[Run]] = []
    _ = FileData.find(of: 40, in: &table) { parts.append($1) }
    #expect(parts.map { $0.map(\.start) } == [[0], [4], [6]])
  }

  @Test func anAttributeListInClusters() {
    var records = fragmented
    guard let first = records[40]?.attributes.last else { return }
    let entries = Array(records[40]?.attributes[0].dropFirst(24) ?? [])
    let volume = [UInt8](repeating: 0xee, count: 1024) + entries + [UInt8](repeating: 0xee, count: 512)
    let attribute = RecordImage.runs(list, [0x11, 1, 2, 0], highest: 0, size: UInt64(entries.count))
    records[40]?.attributes = [attribute, first]
    #expect(find(records, volume: volume) == fragments)
    #expect(find(records, volume: []) == nil)
    let large = RecordImage.runs(list, [0x12, 0, 4, 2, 0], highest: 0x3ff, size: 512 << 10)
    records[40]?.attributes = [large, first]
    #expect(find(records, volume: volume + [UInt8](repeating: 0, count: 1 << 20)) == nil)
  }

  @Test func residentDataInAnExtensionRecord() {
    let entries = RecordImage.entry(0x10, record: 40) + RecordImage.entry(data, record: 50)
    let found = find([
      40: RecordImage(attributes: [RecordImage.resident(list, entries)]),
      50: RecordImage(number: 50, base: 40 | 1 << 48, attributes: [RecordImage.resident(data, [1, 2, 3])]),
    ])
    #expect(found == .resident(record: 50, parts: [ResidentPart(recordOffset: 96, length: 3, offset: 0)]))
  }

  /// Lists with another file's record, a record reused for another file, a missing record, a missing part, a
  /// duplicate part, and a list that does not end with an entry.
  @Test func listsThatAreNotRight() {
    func changed(_ change: (inout [UInt64: RecordImage]) -> Void) -> FileData? {
      var records = fragmented
      change(&records)
      return find(records)
    }
    func entries(_ list: [UInt8]) -> FileData? {
      changed { $0[40]?.attributes[0] = RecordImage.resident(0x20, list) }
    }
    #expect(changed { $0[50]?.base = 41 | 1 << 48 } == nil)
    #expect(changed { $0[50]?.base = 0 } == nil)
    #expect(changed { $0[50]?.sequence = 2 } == nil)
    #expect(changed { $0[50] = nil } == nil)
    #expect(changed { $0[40]?.base = 50 } == nil)
    let all = RecordImage.entry(data, record: 40) + RecordImage.entry(data, lowest: 4, record: 50)
    #expect(entries(all + RecordImage.entry(data, lowest: 6, record: 51)) == fragments)
    #expect(entries(RecordImage.entry(data, record: 40) + RecordImage.entry(data, lowest: 6, record: 51)) == nil)
    #expect(entries(all + RecordImage.entry(data, lowest: 4, record: 50)) == nil)
    #expect(entries(RecordImage.entry(data, record: 40) + RecordImage.entry(data, record: 40)) == nil)
    #expect(entries(all + [0x80, 0, 0, 0, 32, 0]) == nil)
    #expect(entries(all + [UInt8](repeating: 0, count: 32)) == nil)
  }

  /// A list of the maximum length that names one record over and over is rejected at once.
  @Test func aListOfNothingNew() {
    let entries = (0..<8000).flatMap { _ in RecordImage.entry(data, record: 40) }
    let volume = entries + [UInt8](repeating: 0, count: 512 - entries.count % 512)
    let attribute = RecordImage.runs(
      list, [0x12] + RecordImage.little(UInt64(volume.count / 512), 2) + [0, 0],
      highest: UInt64(volume.count / 512) - 1,
      size: UInt64(entries.count))
    let first = RecordImage.runs(data, [0], highest: UInt64.max)
    var table = MemoryTable(records: [40: RecordImage(attributes: [attribute, first]).bytes], volume: volume)
    #expect(FileData.find(of: 40, in: &table) == nil)
    #expect(table.reads < 4)
  }

  @Test func recordsThatAreNotRight() {
    let good = RecordImage(attributes: [RecordImage.resident(data, [1, 2, 3])])
    #expect(FileRecord(good.bytes) != nil)
    func changed(_ offset: Int, _ value: UInt8) -> FileRecord? {
      var bytes = good.bytes
      bytes[offset] = value
      return FileRecord(bytes)
    }
    // Magic, sector end, offset and size of the array, unused record, offset and length of the first attribute.
    for (offset, value) in [(0, 0), (510, 0), (1023, 0), (4, 0), (5, 2), (6, 2), (22, 0), (21, 4), (76, 8), (79, 1)] {
      #expect(changed(offset, UInt8(value)) == nil, "\(offset)")
    }
    #expect(FileRecord([]) == nil && FileRecord(Array(good.bytes.prefix(700))) == nil)
    // A value that extends beyond its attribute.
    #expect(changed(72 + 16, 200) == nil && changed(72 + 19, 0xff) == nil && changed(72 + 20, 40) == nil)
  }

  /// Random bytes in a record never cause a trap.
  @Test func anyBytes() {
    var state: UInt64 = 7
    func random() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    let images = fragmented.mapValues(\.bytes)
    var found = 0
    for _ in 0..<20_000 {
      var table = MemoryTable(records: images)
      for _ in 0..<1 + random() % 4 {
        let number = [40, 40, 50, 51][Int(random() % 4)] as UInt64
        // Leave out the ends of sectors, where any change makes a record a torn one.
        let offset = Int(random() % 300)
        table.records[number]?[offset] = [0, 1, 0x7f, 0x80, 0xff, UInt8(random() % 256)][Int(random() % 6)]
      }
      if FileData.find(of: 40, in: &table) != nil { found += 1 }
    }
    #expect(found > 100)
  }
}
