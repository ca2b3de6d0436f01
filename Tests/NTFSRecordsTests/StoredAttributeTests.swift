import Testing

@testable import NTFSRecords

/// What a file has besides its data.
@Suite struct StoredAttributeTests {
  private func find(_ records: [UInt64: RecordImage], withData: Bool = false) -> [StoredAttribute] {
    var table = MemoryTable(records: records.mapValues(\.bytes))
    return StoredAttribute.all(of: 40, in: &table, withData: withData)
  }

  private let data = RecordImage.resident(0x80, Array("data".utf8))

  @Test func inTheRecord() {
    // Attributes start at 72. Each has a header of 24 bytes, and its value is padded to a multiple of 8 bytes.
    let attributes = [
      RecordImage.resident(0x10, [UInt8](repeating: 1, count: 48)), RecordImage.resident(0x50, [1, 2, 3]), data,
      RecordImage.resident(0x80, Array("stream".utf8), name: 1), RecordImage.resident(0x80, [], name: 1),
      RecordImage.resident(0xc0, Array("link".utf8)), RecordImage.resident(0xe0, Array("extended".utf8)),
    ]
    func part(_ offset: Int, _ length: Int) -> StoredAttribute {
      .resident(record: 40, parts: [ResidentPart(recordOffset: offset, length: length, offset: 0)])
    }
    let stream = 72 + 72 + 32 + 32 + 24
    let kept = [part(stream, 6), part(stream + 32 + 24, 4), part(stream + 32 + 24 + 32, 8)]
    #expect(find([40: RecordImage(attributes: attributes)]) == kept)
    #expect(
      find([40: RecordImage(attributes: attributes)], withData: true) == [part(72 + 72 + 32 + 24, 4)] + kept)
  }

  @Test func inClusters() {
    let attributes = [
      RecordImage.runs(0x50, [0x11, 2, 30, 0], highest: 1, size: 900),
      RecordImage.runs(0x80, [0x11, 4, 9, 0], highest: 3, size: 2000),
      RecordImage.runs(0xa0, [0x11, 8, 50, 0], highest: 7, size: 4096),
      RecordImage.runs(0xc0, [0x11, 1, 60, 0x01, 1, 0], highest: 1, size: 1000, flags: 1),
    ]
    let kept: [StoredAttribute] = [
      .runs([Run(start: 0, count: 2, cluster: 30)]),
      .runs([Run(start: 0, count: 1, cluster: 60), Run(start: 1, count: 1, cluster: nil)]),
    ]
    #expect(find([40: RecordImage(attributes: attributes)]) == kept)
    #expect(find([40: RecordImage(attributes: attributes)], withData: true).count == 3)
  }

  /// A reparse point in one record, extended attributes in another, and their second part in a third.
  private var scattered: [UInt64: RecordImage] {
    let entries =
      RecordImage.entry(0x80, record: 40) + RecordImage.entry(0xc0, record: 50) + RecordImage.entry(0xe0, record: 51)
      + RecordImage.entry(0xe0, lowest: 4, record: 52) + RecordImage.entry(0xf0, record: 52)
    return [
      40: RecordImage(attributes: [RecordImage.resident(0x20, entries), data]),
      50: RecordImage(base: 40 | 1 << 48, attributes: [RecordImage.resident(0xc0, [1, 2, 3])]),
      51: RecordImage(base: 40 | 1 << 48, attributes: [RecordImage.runs(0xe0, [0x11, 4, 9, 0], highest: 3)]),
      52: RecordImage(
        base: 40 | 1 << 48,
        attributes: [
          RecordImage.runs(0xe0, [0x11, 2, 70, 0], lowest: 4, highest: 5),
          RecordImage.runs(0xf0, [0x11, 2, 90, 0], highest: 1),
        ]),
    ]
  }

  @Test func inSeveralRecords() {
    #expect(
      find(scattered) == [
        .resident(record: 50, parts: [ResidentPart(recordOffset: 96, length: 3, offset: 0)]),
        .runs([Run(start: 0, count: 4, cluster: 9)]), .runs([Run(start: 4, count: 2, cluster: 70)]),
        .runs([Run(start: 0, count: 2, cluster: 90)]),
      ])
  }

  /// A record that belongs to another file is not used, and neither are the records after it.
  @Test func recordsOfOthers() {
    var records = scattered
    records[51]?.base = 41 | 1 << 48
    #expect(find(records).count == 1)
    records = scattered
    records[51]?.sequence = 2
    #expect(find(records).count == 1)
    records[51] = nil
    #expect(find(records).count == 1)
    #expect(find([:]) == [])
    #expect(find([40: RecordImage(base: 39 | 1 << 48, attributes: [RecordImage.resident(0xc0, [1])])]) == [])
  }

  /// A record is read only once, however often the list names it.
  @Test func aListThatRepeatsItself() {
    var records = scattered
    let entries = (0..<20).flatMap { _ in RecordImage.entry(0xc0, record: 50) + RecordImage.entry(0x80, record: 40) }
    records[40]?.attributes = [RecordImage.resident(0x20, Array(entries.prefix(640)))]
    var table = MemoryTable(records: records.mapValues(\.bytes))
    #expect(StoredAttribute.all(of: 40, in: &table).count == 1)
    #expect(table.reads == 2)
  }

  @Test func runListsThatLie() {
    let short = RecordImage.runs(0xc0, [0x11, 1, 60, 0], highest: 5, size: 1000)
    let endless = RecordImage.runs(0xe0, [0x88], highest: 5, size: 1000)
    #expect(find([40: RecordImage(attributes: [short, endless])]) == [])
  }
}
