import BlockMap
import SystemPackage
import Testing
import WalkRecord

@testable import Appliance
@testable import BlockStack
@testable import WalkAssembly

/// How records from a compromised appliance are handled.
@Suite struct WalkBoundsTests {
  private static let root = Record.object(id: 1, parent: 0, kind: .directory, name: [])
  private static let begin = Record.begin(inodes: 1, bytes: 1)
  private static let name: [UInt8] = [0x61]

  private static func extent(_ offset: UInt64, _ length: UInt64, _ physical: UInt64) -> Record {
    .extent(ReportedExtent(object: 2, offset: offset, length: length, physical: physical, content: .data))
  }

  @Test(
    arguments: [
      (.object(id: 3, parent: 1, kind: .file, name: []), .badName),
      (.object(id: 3, parent: 1, kind: .file, name: Array("a/b".utf8)), .badName),
      (.object(id: 3, parent: 1, kind: .file, name: Array("a\0b".utf8)), .badName),
      (.object(id: 3, parent: 1, kind: .directory, name: Array(".".utf8)), .badName),
      (.object(id: 3, parent: 1, kind: .directory, name: Array("..".utf8)), .badName),
      (.object(id: 3, parent: 1, kind: .file, name: [UInt8](repeating: 0x61, count: 1025)), .badName),
      (.object(id: 3, parent: 2, kind: .file, name: name), .badParent(3)),
      (.object(id: 3, parent: 0, kind: .directory, name: []), .badParent(3)),
      (.link(id: 2, parent: 1, name: Array("x/../../y".utf8)), .badName),
      (.link(id: 1, parent: 1, name: name), .badParent(1)),
      (.failure(parent: 1, errno: 1, name: [UInt8](repeating: 0x61, count: 1025)), .badName),
      (extent(.max - 4096, 4096, 0), .badRange(2)),
      (extent(1 << 63, 1, 0), .badRange(2)), (extent(0, .max, 0), .badRange(2)), (begin, .secondBeginning),
      (.inode(id: 2, number: 4), .badInode),
    ] as [(Record, AssemblyError)])
  func aLie(record: Record, error: AssemblyError) throws {
    var walk = WalkAssembler()
    for record in [Self.begin, Self.root, .object(id: 2, parent: 1, kind: .file, name: Self.name)] {
      try walk.take(record)
    }
    for number in 1...2 as ClosedRange<UInt64> { try walk.take(.inode(id: 2, number: number)) }
    #expect(throws: error) { try walk.take(record) }
  }

  @Test func endlessObjectsLinksAndRanges() throws {
    let bounds = WalkBounds(bytes: 1 << 20, isCompressed: false, mapBytes: .max)
    #expect(bounds.names == 1 << 17 + 1 << 16 && bounds.ranges == 4 << 20)
    #expect(WalkBounds(bytes: 1 << 20, isCompressed: true, mapBytes: .max).names > 1 << 20)
    let large = WalkBounds(bytes: 1 << 50, isCompressed: false, mapBytes: 1 << 30)
    // More files would be plausible if the map had room for them.
    #expect(large.names == 1 << 26 && large.areOfMap && !bounds.areOfMap)
    #expect(WalkBounds(bytes: .max, isCompressed: true, mapBytes: .max).names > 0)
    let few = WalkBounds(bytes: 0, isCompressed: false, mapBytes: 0)
    var walk = WalkAssembler(bounds: few)
    try walk.take(Self.root)
    try walk.take(.object(id: 2, parent: 1, kind: .file, name: Self.name))
    #expect(throws: AssemblyError.tooManyNames(few.names)) {
      for id in 3... as PartialRangeFrom<UInt64> {
        try walk.take(.object(id: id, parent: 1, kind: .file, name: Self.name))
      }
    }
    #expect(throws: AssemblyError.tooManyNames(few.names)) {
      while true { try walk.take(.link(id: 2, parent: 1, name: Self.name)) }
    }
    #expect(throws: AssemblyError.tooManyRanges(few.ranges)) {
      while true { try walk.take(Self.extent(0, 1, 0)) }
    }
  }

  /// Directories may be as deep as the walker goes, and no deeper.
  @Test func nestedLevels() throws {
    var walk = WalkAssembler()
    try walk.take(Self.root)
    #expect(throws: AssemblyError.tooDeep) {
      for id in 2...60_000 as ClosedRange<UInt64> {
        try walk.take(.object(id: id, parent: id - 1, kind: .directory, name: Self.name))
      }
    }
    #expect(walk.tree.count > 8192 && walk.tree.count < 8200)
  }

  /// One range that is split into very many stripes.
  @Test func aRangeInManyStripes() throws {
    var walk = WalkAssembler(bounds: WalkBounds(bytes: 0, isCompressed: false, mapBytes: 0))
    for record in [Self.root, .object(id: 2, parent: 1, kind: .file, name: Self.name)] { try walk.take(record) }
    for _ in 0..<50 { try walk.take(Self.extent(0, 1 << 30, 0)) }
    try walk.take(.end)
    let table = DeviceTable(
      parsing: """
        device 8:0 - - 4194304
        device 8:16 - - 4194304
        device 253:0 - - 4194304
        table 253:0 0 4194304 striped 2 128 8:0 0 8:16 0
        disk 8:0 1
        disk 8:16 2
        """)
    #expect(walk.resolve(table, device: "253:0") == nil)
    #expect(walk.excess != nil)
  }

  @Test func whatIsCancelledEndsAtOnce() throws {
    var walk = WalkAssembler()
    for record in [Self.root, .object(id: 2, parent: 1, kind: .file, name: Self.name)] { try walk.take(record) }
    for offset in 0..<10_000 as Range<UInt64> { try walk.take(Self.extent(0, 1, offset * 2)) }
    try walk.take(.end)
    #expect(walk.resolve(DeviceTable(parsing: "device 8:0 - - 2097152\ndisk 8:0 1\n"), device: "8:0") == nil)
    var builder = BlockMapBuilder()
    var asked = 0
    _ = walk.add(to: &builder, device: Self.name) {
      asked += 1
      return true
    }
    #expect(asked == 1)
  }

  private final class Silent: Reporter {
    func message(_ text: String) {}
    func warning(_ text: String) {}
    func detail(_ text: String) {}
    func activity(_ text: String) {}
    func progress(_ fraction: Double?) {}
  }

  private func write(_ records: [Record]) throws -> RecorderEvent {
    var buffer = RecordBuffer()
    for record in records { try buffer.append(record) }
    return .channel(buffer.padded())
  }

  /// A walk that lies fails by itself; the next walk is not affected.
  @Test func thePumpGoesOn() throws {
    let (reading, events) = try FileDescriptor.pipe()
    let (control, words) = try FileDescriptor.pipe()
    let pump = try EventPump(reading: reading, control: words, reporter: Silent())
    func send(_ event: RecorderEvent) throws { _ = try events.writeAll(event.encoded) }
    func told() throws -> [UInt8] {
      var buffer = [UInt8](repeating: 0, count: 16)
      let count = try buffer.withUnsafeMutableBytes { try control.read(into: $0) }
      return Array(buffer[..<count])
    }
    func failure(of result: Result<WalkAssembler, AssemblyError>) -> AssemblyError? {
      if case .failure(let error) = result { error } else { nil }
    }
    // Records that arrive outside a walk are ignored.
    try send(try write([Self.begin, Self.root, .end]))
    #expect(failure(of: try pump.finish()) == .noEnd)

    pump.begin(.usual)
    #expect(try told() == [RecorderControl.takeRecords.rawValue])
    #expect(failure(of: try pump.finish()) == .noEnd)
    pump.begin(.usual)
    try send(try write([Self.begin, Self.root]))
    try send(.read(disk: 1, offset: 0, length: 4096))
    #expect(failure(of: try pump.finish()) == .noEnd)
    _ = try told()

    pump.begin(.usual)
    try send(try write([Self.begin, Self.root, .object(id: 7, parent: 1, kind: .file, name: Self.name), .end]))
    #expect(failure(of: try pump.finish()) == .unknownObject(7))
    var said: [UInt8] = []
    while said.last != RecorderControl.refuseRecords.rawValue { said += try told() }
    pump.begin(.usual)
    try send(.channel([1, 2, 3]))
    #expect(failure(of: try pump.finish()) == .notARecord)

    pump.begin(.usual)
    try send(try write([Self.begin, Self.root, .end]))
    try send(try write([.begin(inodes: 0, bytes: 0), .end]))
    #expect(try pump.finish().get().tree.directories == 1)
    #expect(pump.abandon() == nil)
    try pump.check()
    try events.close()
    try control.close()
  }
}
