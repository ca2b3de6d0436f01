import Testing

@testable import BlockStack

/// The layouts of RAID 10, as drawn in md(4) and as the kernel wrote them.
@Suite struct RAID10LayoutTests {
  /// A layout's number, its number of devices and chunks, and what is on the devices, row by row; `.` if nothing.
  struct Drawing: Sendable, CustomTestStringConvertible {
    var number: Int
    var devices: Int
    var chunks: UInt64
    var rows: [String]

    var testDescription: String { "layout 0x\(String(number, radix: 16)) on \(devices)" }
  }

  static let drawings = [
    Drawing(number: 0x102, devices: 4, chunks: 4, rows: ["0 0 1 1", "2 2 3 3"]),
    Drawing(number: 0x102, devices: 5, chunks: 5, rows: ["0 0 1 1 2", "2 3 3 4 4"]),
    Drawing(number: 0x103, devices: 4, chunks: 4, rows: ["0 0 0 1", "1 1 2 2", "2 3 3 3"]),
    Drawing(number: 0x201, devices: 2, chunks: 4, rows: ["0 1", "2 3", "1 0", "3 2"]),
    Drawing(number: 0x201, devices: 3, chunks: 6, rows: ["0 1 2", "3 4 5", "2 0 1", "5 3 4"]),
    Drawing(
      number: 0x201, devices: 4, chunks: 12,
      rows: ["0 1 2 3", "4 5 6 7", "8 9 10 11", "3 0 1 2", "7 4 5 6", "11 8 9 10"]),
    Drawing(
      number: 0x201, devices: 5, chunks: 10, rows: ["0 1 2 3 4", "5 6 7 8 9", "4 0 1 2 3", "9 5 6 7 8"]),
    Drawing(
      number: 0x301, devices: 5, chunks: 10,
      rows: ["0 1 2 3 4", "5 6 7 8 9", "4 0 1 2 3", "9 5 6 7 8", "3 4 0 1 2", "8 9 5 6 7"]),
    Drawing(number: 0x10201, devices: 3, chunks: 6, rows: ["0 1 2", "2 0 1", "3 4 5", "5 3 4"]),
    Drawing(
      number: 0x10201, devices: 4, chunks: 8, rows: ["0 1 2 3", "3 0 1 2", "4 5 6 7", "7 4 5 6"]),
    Drawing(
      number: 0x10301, devices: 5, chunks: 10,
      rows: ["0 1 2 3 4", "4 0 1 2 3", "3 4 0 1 2", "5 6 7 8 9", "9 5 6 7 8", "8 9 5 6 7"]),
    Drawing(
      number: 0x202, devices: 5, chunks: 5,
      rows: ["0 0 1 1 2", "2 3 3 4 4", "1 2 0 0 1", "4 4 2 3 3"]),
    // In sets of two and three devices, then of three and four.
    Drawing(number: 0x40201, devices: 5, chunks: 10, rows: ["0 1 2 3 4", "5 6 7 8 9", "1 0 4 2 3", "6 5 9 7 8"]),
    Drawing(
      number: 0x40301, devices: 7, chunks: 7, rows: ["0 1 2 3 4 5 6", "2 0 1 6 3 4 5", "1 2 0 5 6 3 4"]),
    Drawing(
      number: 0x20301, devices: 7, chunks: 7, rows: ["0 1 2 3 4 5 6", "1 0 3 2 6 4 5", "0 1 2 3 5 6 4"]),
    Drawing(number: 0x50201, devices: 5, chunks: 10, rows: ["0 1 2 3 4", "1 0 4 2 3", "5 6 7 8 9", "6 5 9 7 8"]),
  ]

  @Test(arguments: drawings)
  func isAsDrawn(_ drawing: Drawing) throws {
    let layout = try #require(RAID10Layout(number: drawing.number, devices: drawing.devices, chunks: drawing.chunks))
    let rows = drawing.rows.map { $0.split(separator: " ").map(String.init) }
    var drawn = rows.map { $0.map { _ in "." } }
    for chunk in 0..<drawing.chunks {
      layout.forEachCopy(of: chunk) { device, row in
        #expect(row < rows.count && drawn[min(Int(row), rows.count - 1)][device] == ".")
        drawn[min(Int(row), rows.count - 1)][device] = "\(chunk)"
      }
    }
    #expect(drawn == rows)
    for (row, devices) in rows.enumerated() {
      for (device, chunk) in devices.enumerated() {
        #expect(layout.chunk(inRow: UInt64(row), of: device).map { "\($0)" } == chunk)
      }
    }
  }

  /// For any number of devices, no row of a device holds two chunks, and the reverse mapping finds each chunk.
  @Test func noRowIsTakenTwice() throws {
    var count = 0
    for number in [0x102, 0x103, 0x201, 0x301, 0x202, 0x10201, 0x10301, 0x20201, 0x20301, 0x40201, 0x40301, 0x50301] {
      for devices in 2...9 {
        for chunks: UInt64 in [1, 7, 90] {
          guard let layout = RAID10Layout(number: number, devices: devices, chunks: chunks) else { continue }
          count += 1
          var taken: Set<[UInt64]> = []
          for chunk in 0..<chunks {
            layout.forEachCopy(of: chunk) { device, row in
              #expect(taken.insert([UInt64(device), row]).inserted)
              #expect(layout.chunk(inRow: row, of: device) == chunk)
            }
          }
          #expect(taken.count == Int(chunks) * layout.copies)
        }
      }
    }
    #expect(count > 150)
  }

  @Test(arguments: [
    (0x100, 4), (0x001, 4), (0x105, 4), (0x203, 4), (0x10202, 4), (0x60201, 4), (0x80201, 4), (-1, 4), (0x102, 0),
    (0x102, 1), (0x102, 5000), (0x40202, 9), (0x20401, 3),
  ])
  func whatIsNoLayout(number: Int, devices: Int) {
    #expect(RAID10Layout(number: number, devices: devices, chunks: 10) == nil)
  }

  @Test func largestNumbers() throws {
    #expect(RAID10Layout(number: 0x201, devices: 3, chunks: .max) == nil)
    #expect(RAID10Layout(number: 0x201, devices: 3, chunks: 0) == nil)
    let layout = try #require(RAID10Layout(number: 0x201, devices: 4096, chunks: 1 << 52))
    #expect(layout.chunk(inRow: .max, of: 4095) == nil)
    #expect(layout.chunk(inRow: .max / 2, of: 0) == nil)
    let near = try #require(RAID10Layout(number: 0x102, devices: 4096, chunks: 1 << 52))
    #expect(near.chunk(inRow: .max, of: 4095) == nil)
  }
}
