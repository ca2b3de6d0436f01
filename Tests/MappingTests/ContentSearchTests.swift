import DiskImage
import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import Mapping

/// The search for nonzero bytes reads no more than necessary.
struct ContentSearchTests {
  /// A disk of 64 MiB with one allocated range, which is all zeros or has one nonzero byte.
  private final class Disk: VirtualDisk {
    let size: UInt64 = 64 << 20
    let data: Range<UInt64>
    let byte: UInt64?
    let bytesRead = Mutex<UInt64>(0)
    let unreadable: Range<UInt64>

    init(data: Range<UInt64>, byte: UInt64?, unreadable: Range<UInt64> = 0..<0) {
      (self.data, self.byte, self.unreadable) = (data, byte, unreadable)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
      let range = offset..<offset + UInt64(buffer.count)
      guard !range.overlaps(unreadable) else { throw DiskError("disk", "it is damaged", errno: EIO) }
      bytesRead.withLock { $0 += UInt64(buffer.count) }
      buffer.initializeMemory(as: UInt8.self, repeating: 0)
      if let byte, range.contains(byte) { buffer[Int(byte - offset)] = 1 }
    }

    func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
      for (part, state) in [
        (0..<data.lowerBound, .hole), (data, .data), (data.upperBound..<size, .hole),
      ] as [(Range<UInt64>, DiskExtent.State)] {
        let common = part.clamped(to: range)
        guard !common.isEmpty else { continue }
        guard try body(DiskExtent(range: common, state: state)) else { return }
      }
    }

    func locations(in range: Range<UInt64>, _ body: (DiskLocation) throws(DiskError) -> Bool) throws(DiskError) {}
    func close() {}
  }

  private static let middle: Range<UInt64> = 10 << 20..<30 << 20

  @Test func holesAreNotRead() {
    let disk = Disk(data: 0..<0, byte: nil)
    var search = ContentSearch()
    #expect(search.look(at: 0..<disk.size, of: disk) == .onlyZeros)
    #expect(disk.bytesRead.withLock { $0 } == 0)
  }

  @Test(arguments: [0, 1, (1 << 20) - 1, 1 << 20, (20 << 20) - 1] as [UInt64])
  func oneByte(offset: UInt64) {
    let disk = Disk(data: Self.middle, byte: Self.middle.lowerBound + offset)
    var search = ContentSearch()
    #expect(search.look(at: 0..<disk.size, of: disk) == .data)
    // Reads at most to the end of the chunk with the byte.
    #expect(disk.bytesRead.withLock { $0 } <= offset + 2 << 20)
    // The rest is zeros.
    #expect(search.look(at: Self.middle.lowerBound + offset + 1..<disk.size, of: disk) == .onlyZeros)
    #expect(search.look(at: 0..<Self.middle.lowerBound + offset, of: disk) == .onlyZeros)
  }

  @Test func allZeros() {
    let disk = Disk(data: Self.middle, byte: nil)
    var search = ContentSearch()
    #expect(search.look(at: 0..<disk.size, of: disk) == .onlyZeros)
    #expect(disk.bytesRead.withLock { $0 } == UInt64(Self.middle.count))
  }

  /// The limit applies to all devices of a run together.
  @Test func noMoreThanItMay() {
    let disk = Disk(data: Self.middle, byte: Self.middle.upperBound - 1)
    var search = ContentSearch(maximumBytes: 24 << 20)
    #expect(search.look(at: 0..<25 << 20, of: disk) == .onlyZeros)
    #expect(search.look(at: 0..<disk.size, of: disk) == .tooLarge)
    #expect(disk.bytesRead.withLock { $0 } == 24 << 20)
  }

  @Test func whatCannotBeReadIsNotEmpty() {
    let disk = Disk(data: Self.middle, byte: nil, unreadable: 20 << 20..<21 << 20)
    var search = ContentSearch()
    #expect(search.look(at: 0..<disk.size, of: disk) == .data)
    #expect(search.look(at: 0..<20 << 20, of: disk) == .onlyZeros)
  }

  @Test func itStopsWhenItIsToldTo() {
    let disk = Disk(data: Self.middle, byte: nil)
    var search = ContentSearch()
    #expect(search.look(at: 0..<disk.size, of: disk) { true } == .tooLarge)
    #expect(disk.bytesRead.withLock { $0 } == 0)
  }
}
