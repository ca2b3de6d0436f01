import Testing

@testable import BlockStack

/// RAID 0 over devices of different sizes, as the kernel wrote it.
@Suite struct StripeZonesTests {
  private typealias Device = StripeZones.Device

  /// The chunks on the devices, row by row; `.` if there is none.
  private func drawn(_ sizes: [UInt64], _ layout: StripeZones.Layout) throws -> [String] {
    let devices = sizes.enumerated().map { index, size in
      Device(leg: Target.Leg(device: "8:\(index)", offset: 1 << 20), size: size)
    }
    let count = sizes.reduce(0, +)
    let segments = try #require(StripeZones.segments(devices, layout, chunk: 4096, size: count * 4096))
    var rows = [[String]](repeating: [String](repeating: ".", count: sizes.count), count: Int(sizes.max() ?? 0))
    for segment in segments {
      segment.target.forEachPiece(of: 0..<segment.range.upperBound - segment.range.lowerBound) { piece in
        guard let device = Int(piece.leg.device.dropFirst(2)) else { return }
        let row = Int((piece.leg.offset - 1 << 20) / 4096)
        #expect(rows[row][device] == ".")
        rows[row][device] = "\((segment.range.lowerBound + piece.offset) / 4096)"
      }
    }
    return rows.map { $0.joined(separator: " ") }
  }

  @Test func original() throws {
    let three = try drawn([11, 20, 17], .original)
    #expect(three[9...12] == ["27 28 29", "30 31 32", ". 34 33", ". 36 35"])
    #expect(three[16...] == [". 44 43", ". 45 .", ". 46 .", ". 47 ."])
    let five = try drawn([7, 21, 8, 12, 20], .original)
    #expect(five[6...9] == ["30 31 32 33 34", ". 36 37 38 35", ". 39 . 40 41", ". 42 . 43 44"])
    #expect(five[11...13] == [". 48 . 49 50", ". 52 . . 51", ". 54 . . 53"])
    #expect(five[19...] == [". 66 . . 65", ". 67 . . ."])
  }

  @Test func alternate() throws {
    let three = try drawn([11, 20, 17], .alternate)
    #expect(three[9...12] == ["27 28 29", "30 31 32", ". 33 34", ". 35 36"])
    #expect(three[16...] == [". 43 44", ". 45 .", ". 46 .", ". 47 ."])
    let five = try drawn([7, 21, 8, 12, 20], .alternate)
    #expect(five[6...8] == ["30 31 32 33 34", ". 35 36 37 38", ". 39 . 40 41"])
    #expect(five[11...13] == [". 48 . 49 50", ". 51 . . 52", ". 53 . . 54"])
  }

  @Test func whatDoesNotFit() {
    let leg = Target.Leg(device: "8:0", offset: 0)
    let end = Target.Leg(device: "8:0", offset: .max - 100)
    for devices in [
      [], [Device(leg: leg, size: 2)], [Device(leg: leg, size: .max)],
      [Device(leg: leg, size: 1 << 60), Device(leg: leg, size: 1 << 62)],
      [Device(leg: leg, size: 1), Device(leg: end, size: 2)],
    ] {
      #expect(StripeZones.segments(devices, .original, chunk: 4096, size: 12288) == nil)
    }
  }
}
