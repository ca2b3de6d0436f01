import SystemPackage
import Testing

@testable import BlockMap

struct RoundTripTests {
  /// Names with every byte that a file name may contain, and those it may not: the format supports all.
  static let names: [[UInt8]] =
    (0...255).map { [UInt8($0)] } + (0...255).map { [0x2f, 0x61, UInt8($0), 0x62] } + [
      Array(0...255), Array((0...255).reversed()), Array("/with space/new\nline/tab\t/back\\slash\\101".utf8),
      Array(" ".utf8), Array("/ends in space ".utf8), [0xff, 0xfe, 0xc3, 0x28],
      [UInt8](repeating: 0xe4, count: 255), Array(String(repeating: "/deep", count: 2000).utf8),
    ]

  @Test func everyByteOfANameSurvives() throws {
    let scratch = try Scratch()
    let path = scratch.path.appending("map")
    var builder = BlockMapBuilder()
    builder.addDisk(DiskDescription(size: 1 << 40, format: Array("raw".utf8), file: Array(0...255)))
    var expected: [MappedObject] = []
    for (number, name) in Self.names.enumerated() {
      let start = UInt64(number) * 0x1_0000
      let device = Array(name.prefix(FormatLimits.deviceBytes - 4)) + Array("\(number)".utf8)
      for object in [
        MappedObject(kind: .file, device: Array("/dev/sda1".utf8), path: name),
        MappedObject(kind: .partition, device: device, path: nil),
        MappedObject(kind: .directory, device: device, path: name),
      ] {
        let id = builder.addObject(kind: object.kind, device: object.device, path: object.path)
        builder.addRange(
          of: try #require(id), disk: 1, range: start..<start + UInt64(object.kind.rawValue), objectOffset: start)
        expected.append(object)
      }
    }
    try builder.write(to: path)
    let map = try BlockMap(contentsOf: path)
    #expect(map.disks.map(\.file) == [Array(0...255)])
    #expect(Set(map.ranges.map { map.objects[$0.object] }) == Set(expected))
    #expect(map.ranges.count == expected.count)
    #expect(map.ranges.allSatisfy { $0.objectOffset == $0.range.lowerBound })
    // One line per object, whatever its name: newlines in names are escaped.
    #expect(try readFile(path).count { $0 == 0x0a } == expected.count + 2)
  }

  @Test func thatSomethingIsMissingSurvives() throws {
    let scratch = try Scratch()
    let path = scratch.path.appending("map")
    for isIncomplete in [false, true] {
      var builder = BlockMapBuilder()
      builder.addDisk(DiskDescription(size: 1 << 20, format: Array("raw".utf8), file: Array("disk".utf8)))
      builder.isIncomplete = isIncomplete
      try builder.write(to: path)
      #expect(try BlockMap(contentsOf: path).isIncomplete == isIncomplete)
    }
  }

  @Test func whatIsOnADeviceSurvives() throws {
    let scratch = try Scratch()
    let path = scratch.path.appending("map")
    let devices = [
      DeviceDescription(name: Array("/dev/sda1".utf8), type: Array("ext4".utf8), isEncrypted: false),
      DeviceDescription(name: Array("/dev/mapper/a b".utf8), type: [], isEncrypted: true),
      DeviceDescription(name: Array(0...255), type: Array(0...255), isEncrypted: true),
    ]
    var builder = BlockMapBuilder()
    builder.addDisk(DiskDescription(size: 1 << 20, format: Array("raw".utf8), file: Array("disk".utf8)))
    for device in devices { builder.addDevice(device) }
    // The format cannot express these.
    builder.addDevice(DeviceDescription(name: [], type: Array("ext4".utf8), isEncrypted: false))
    let long = [UInt8](repeating: 0x61, count: FormatLimits.deviceBytes + 1)
    builder.addDevice(DeviceDescription(name: long, type: [], isEncrypted: false))
    try builder.write(to: path)
    #expect(try BlockMap(contentsOf: path).devices == devices)
    #expect(try readFile(path).count { $0 == 0x0a } == 5)
  }

  @Test func whatIsReadAndWrittenAgainIsTheSame() throws {
    let scratch = try Scratch()
    var generator = SystemRandomNumberGenerator()
    for round in 0..<20 {
      var builder = BlockMapBuilder()
      for disk in 1...3 {
        builder.addDisk(DiskDescription(size: 1 << 20, format: Array("raw".utf8), file: [UInt8(disk)]))
      }
      for _ in 0..<200 {
        let kind = try #require(ObjectKind.known.randomElement(using: &generator))
        let id = try add(kind, "/dev/sda\(Int.random(in: 1...2))", "/\(Int.random(in: 1...40))", to: &builder)
        let start = UInt64.random(in: 0..<1 << 20)
        builder.addRange(
          of: id, disk: Int.random(in: 1...3), range: start..<start + UInt64.random(in: 1...0x8000),
          objectOffset: Bool.random() ? 0 : start)
      }
      let first = scratch.path.appending("first\(round)")
      try builder.write(to: first)
      let map = try BlockMap(contentsOf: first)
      var again = BlockMapBuilder()
      for disk in map.disks { again.addDisk(disk) }
      for range in map.ranges.shuffled() {
        let object = map.objects[range.object]
        let id = again.addObject(kind: object.kind, device: object.device, path: object.path)
        again.addRange(
          of: try #require(id), disk: Int(range.disk), range: range.range, objectOffset: range.objectOffset)
      }
      let second = scratch.path.appending("second\(round)")
      try again.write(to: second)
      #expect(try readFile(first) == readFile(second))
    }
  }
}
