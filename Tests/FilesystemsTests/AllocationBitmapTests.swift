import BlockStack
import Testing

@testable import Filesystems

@Suite struct AllocationBitmapTests {
  @Test(arguments: [AllocationBitmap.FirstBit.lowest, .highest], [UInt8(0), 1])
  func runsOfFreeBlocks(firstBit: AllocationBitmap.FirstBit, freeBit: UInt8) throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let count = Int.random(in: 0...300, using: &random)
      // Runs of all lengths.
      var blocks: [Bool] = []
      while blocks.count < count {
        let isFree = Bool.random(using: &random)
        blocks += [Bool](repeating: isFree, count: Int.random(in: 1...40, using: &random))
      }
      blocks = Array(blocks.prefix(count))
      var bytes = [UInt8](repeating: .random(in: 0...255, using: &random), count: count / 8 + 8)
      for (block, isFree) in blocks.enumerated() {
        let bit = UInt8(1) << (firstBit == .lowest ? block % 8 : 7 - block % 8)
        if isFree == (freeBit == 1) { bytes[block / 8] |= bit } else { bytes[block / 8] &= ~bit }
      }
      // In two pieces, the second one first on the device.
      let half = bytes.count / 2
      let image = ImageBytes(Array(bytes[half...]) + Array(bytes[..<half]))
      let (second, first) = (0..<UInt64(bytes.count - half), UInt64(bytes.count - half)..<UInt64(bytes.count))
      let bitmap = AllocationBitmap(
        pieces: [first, second], count: UInt64(count), firstBit: firstBit, freeBit: freeBit)
      let runs = try bitmap.freeAreas(on: image, start: 0, blockSize: 1).map(\.range)
      for (a, b) in zip(runs, runs.dropFirst()) { #expect(a.upperBound < b.lowerBound) }
      let free = Set(runs.flatMap { Array($0) })
      #expect(free == Set(blocks.indices.filter { blocks[$0] }.map { UInt64($0) }))
    }
  }

  @Test func aBitmapThatIsTooShort() throws {
    let bitmap = AllocationBitmap(pieces: [0..<4], count: 33)
    #expect(throws: SpaceError.self) { try bitmap.freeAreas(on: ImageBytes([0, 0, 0, 0]), start: 0, blockSize: 512) }
  }
}
