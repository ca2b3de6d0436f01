import Testing

@testable import GuestWalker

@Suite struct SampleTests {
  private func sample(of count: Int, from traits: [Sample.Traits]) -> [UInt64] {
    var sample = Sample(count: count)
    for (index, traits) in traits.enumerated() {
      guard let parts = sample.parts(for: traits) else { continue }
      sample.add(
        Sample.Candidate(object: UInt64(index), parent: 1, name: [], path: [], traits: traits), to: parts)
    }
    return sample.files.map(\.object)
  }

  @Test func theUnusualOnesAreChosen() {
    var traits = [Sample.Traits](repeating: .init(size: 4096, pieces: 1, hasHoles: false), count: 1000)
    traits[500].size = 1 << 30
    traits[600].pieces = 77
    traits[700].hasHoles = true
    let chosen = sample(of: 8, from: traits)
    #expect(chosen.count <= 8 && Set(chosen).isSuperset(of: [500, 600, 700]))
    #expect(chosen == sample(of: 8, from: traits), "the same in each run")
  }

  @Test func noMoreThanWanted() {
    let traits = (0..<50).map { Sample.Traits(size: UInt64($0), pieces: UInt64($0), hasHoles: $0 % 2 == 0) }
    for count in [0, 1, 2, 5, 20, 200] {
      let chosen = sample(of: count, from: traits)
      #expect(chosen.count <= count && Set(chosen).count == chosen.count)
      #expect((chosen.isEmpty) == (count == 0))
    }
    #expect(sample(of: 200, from: traits).count == 50)
  }
}
