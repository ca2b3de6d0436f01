import DiskImage
import SystemPackage
import Testing

struct ParallelReadTests {
  /// Many threads, and a disk with more grains than the cache has entries, so that they evict each other's.
  @Test func threadsDoNotDisturbEachOther() async throws {
    let workspace = try Workspace()
    // 2^20 grains of 4 KiB, twice as many as the cache holds. Each stored grain is filled with its table's number
    // modulo 64, plus 1.
    let tables = 2048
    var writer = SparseWriter(capacity: UInt64(tables) * 512 * 8, length: 40_000)
    writer.grainSectors = 8
    writer.put((0..<UInt32(tables)).map { 20 + $0 * 4 }, atSector: 1)
    for table in 0..<UInt32(tables) {
      let grain = 20_000 + table % 64 * 8
      writer.put((0..<512).map { $0 % 3 == 0 ? 0 : grain }, atSector: UInt64(20 + table * 4))
      writer.putGrain(UInt8(table % 64 + 1), atSector: UInt64(grain))
    }
    let disk = try openDisk(at: writer.write(workspace, "disk.vmdk")).disk
    try await withThrowingTaskGroup(of: Int.self) { group in
      for task in 0..<8 as Range<UInt64> {
        group.addTask {
          var random = Seeded(task)
          var wrong = 0
          for _ in 0..<4000 {
            let grain = UInt64.random(in: 0..<UInt64(tables * 512), using: &random)
            let within = UInt64.random(in: 0..<4096, using: &random)
            let expected = grain % 512 % 3 == 0 ? 0 : UInt8(grain / 512 % 64 + 1)
            if try disk.bytes(at: grain * 4096 + within, count: 1) != [expected] { wrong += 1 }
          }
          return wrong
        }
      }
      for try await wrong in group { #expect(wrong == 0) }
    }
  }
}
