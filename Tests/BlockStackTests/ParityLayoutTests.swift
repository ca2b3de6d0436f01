import Testing

@testable import BlockStack

/// The layouts of RAID 6, as the kernel wrote them.
@Suite struct ParityLayoutTests {
  /// A layout by its number in md and its name in dm-raid, and the first stripes on five devices: data chunks, P and
  /// Q.
  struct Drawing: Sendable, CustomTestStringConvertible {
    var number: Int
    var name: String?
    var stripes: [String]

    var testDescription: String { name ?? "\(number)" }
  }

  static let drawings = [
    Drawing(number: 2, name: nil, stripes: ["Q 0 1 2 P", "3 4 5 P Q", "7 8 P Q 6", "11 P Q 9 10"]),
    Drawing(
      number: 8, name: "raid6_zr",
      stripes: ["P Q 0 1 2", "3 P Q 4 5", "6 7 P Q 8", "9 10 11 P Q", "Q 12 13 14 P", "P Q 15 16 17"]),
    Drawing(
      number: 9, name: "raid6_nr",
      stripes: ["0 1 2 P Q", "3 4 P Q 5", "6 P Q 7 8", "P Q 9 10 11", "Q 12 13 14 P", "15 16 17 P Q"]),
    Drawing(
      number: 10, name: "raid6_nc",
      stripes: ["0 1 2 Q P", "4 5 Q P 3", "8 Q P 6 7", "Q P 9 10 11", "P 12 13 14 Q", "15 16 17 Q P"]),
    Drawing(number: 5, name: "raid6_n_6", stripes: ["0 1 2 P Q", "3 4 5 P Q"]),
    Drawing(
      number: 16, name: "raid6_la_6",
      stripes: ["0 1 2 P Q", "3 4 P 5 Q", "6 P 7 8 Q", "P 9 10 11 Q", "12 13 14 P Q"]),
    Drawing(
      number: 17, name: "raid6_ra_6",
      stripes: ["P 0 1 2 Q", "3 P 4 5 Q", "6 7 P 8 Q", "9 10 11 P Q", "P 12 13 14 Q"]),
    Drawing(
      number: 18, name: "raid6_ls_6",
      stripes: ["0 1 2 P Q", "4 5 P 3 Q", "8 P 6 7 Q", "P 9 10 11 Q", "12 13 14 P Q"]),
    Drawing(
      number: 19, name: "raid6_rs_6",
      stripes: ["P 0 1 2 Q", "5 P 3 4 Q", "7 8 P 6 Q", "9 10 11 P Q", "P 12 13 14 Q"]),
    Drawing(number: 20, name: "raid6_0_6", stripes: ["P 0 1 2 Q", "P 3 4 5 Q"]),
  ]

  private func drawn(_ rotation: ParityLayout, stripes: Int, legs: Int = 5) -> [String] {
    (0..<UInt64(stripes)).map { stripe in
      var devices = [String](repeating: ".", count: legs)
      for (name, leg) in zip(["P", "Q"], rotation.parity(stripe: stripe, legs: legs)) { devices[leg] = name }
      let data = legs - rotation.parities
      for index in 0..<data {
        devices[rotation.data(index, stripe: stripe, legs: legs)] = "\(Int(stripe) * data + index)"
      }
      return devices.joined(separator: " ")
    }
  }

  @Test(arguments: drawings)
  func isAsDrawn(_ drawing: Drawing) throws {
    let rotation = try #require(ParityLayout(number: drawing.number, parities: 2))
    #expect(drawn(rotation, stripes: drawing.stripes.count) == drawing.stripes)
    guard let name = drawing.name else { return }
    let target = DMTarget.parse(
      kind: "raid", size: 1 << 20, "\(name) 1 8 5 - 8:1 - 8:2 - 8:3 - 8:4 - 8:5".split(separator: " ")[...])
    guard case .parity(4096, let other, _) = target else {
      Issue.record("\(name): \(String(describing: target))")
      return
    }
    #expect(drawn(other, stripes: 20) == drawn(rotation, stripes: 20))
  }

  /// The parity profiles of Btrfs.
  @Test func btrfs() {
    #expect(
      drawn(.upFromLast(parities: 1), stripes: 4, legs: 3) == ["0 1 P", "P 2 3", "5 P 4", "6 7 P"])
    #expect(
      drawn(.upFromLast(parities: 2), stripes: 5, legs: 4)
        == ["0 1 P Q", "Q 2 3 P", "P Q 4 5", "7 P Q 6", "8 9 P Q"])
  }

  @Test func onlyTwoParitiesHaveSomeLayouts() {
    for number in [6, 7, 8, 9, 10, 11, 15, 16, 20, 21, -1] {
      #expect(ParityLayout(number: number, parities: 1) == nil)
    }
    for number in [6, 7, 11, 15, 21, -1] { #expect(ParityLayout(number: number, parities: 2) == nil) }
  }
}
