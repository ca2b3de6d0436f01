import Glibc
import SystemPackage
import Testing

@testable import BlockMap

struct ReaderTests {
  private func read(_ content: [UInt8]) throws -> BlockMap {
    let scratch = try Scratch()
    let path = scratch.path.appending("map")
    try writeFile(path, content)
    return try BlockMap(contentsOf: path)
  }

  private func read(_ text: String) throws -> BlockMap { try read(Array(text.utf8)) }

  private let sample = """
    # virt-bmap 2
    # disk 1 size=10000000 format=vmdk file=my\\040guest.vmdk
    1 0 10000000 v /dev/sda
    1 100000 fe00000 p /dev/sda1
    1 541400 544400 d /dev/sda1 /lost+found
    # a remark
    1 941400 961800 f /dev/sda1 /boot/config 6.1.0
    1 b00400 ef1c00 f@20400 /dev/sda1 /boot/config 6.1.0

    """

  @Test func devicesOfTheHeader() throws {
    let header = "# virt-bmap 2\n# disk 1 size=1000 format=raw file=x\n"
    let map = try read(
      header + "# device /dev/sda1 later=field type=ext4 encrypted=yes\n# device /dev/sda2\n# devices\n")
    #expect(
      map.devices == [
        DeviceDescription(name: Array("/dev/sda1".utf8), type: Array("ext4".utf8), isEncrypted: true),
        DeviceDescription(name: Array("/dev/sda2".utf8), type: [], isEncrypted: false),
      ])
    for (line, reason) in [
      ("# device ", "the device has no name"), ("# device a  type=b", "a field of the device is empty"),
      ("# device a\\9", "line 3"),
    ] {
      let error = #expect(throws: MapError.self) { try read(header + line + "\n") }
      #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }
  }

  /// Letters of later versions, with and without a path, are kinds like any other.
  @Test func kindsThatAreNotKnown() throws {
    let map = try read(
      "# virt-bmap 2\n# disk 1 size=1000 format=raw file=x\n1 0 1 u /dev/sda1\n1 0 2 Z@5 /dev/sda1 /a\n")
    #expect(
      map.ranges.map { map.objects[$0.object] } == [
        MappedObject(kind: try #require(ObjectKind(rawValue: 0x75)), device: Array("/dev/sda1".utf8), path: nil),
        MappedObject(
          kind: try #require(ObjectKind(rawValue: 0x5a)), device: Array("/dev/sda1".utf8), path: Array("/a".utf8)),
      ])
    #expect(map.ranges.map(\.objectOffset) == [0, 5])
    #expect((0...UInt8.max).compactMap { ObjectKind(rawValue: $0) } == ObjectKind.all)
    #expect(ObjectKind.all.count == 52 && Set(ObjectKind.known).isSubset(of: ObjectKind.all))
  }

  @Test func readsTheFormatOfTheDesign() throws {
    let map = try read(sample)
    #expect(
      map.disks == [
        DiskDescription(size: 0x1000_0000, format: Array("vmdk".utf8), file: Array("my guest.vmdk".utf8))
      ])
    #expect(map.hasOffsets)
    #expect(map.size(ofDisk: 1) == 0x1000_0000)
    #expect(map.size(ofDisk: 2) == nil)
    #expect(map.ranges.count == 5)
    #expect(map.objects.count == 4)
    let last = try #require(map.ranges.last)
    #expect(last.range == 0xb00400..<0xef1c00)
    #expect(last.objectOffset == 0x20400)
    #expect(
      map.objects[last.object]
        == MappedObject(
          kind: .file, device: Array("/dev/sda1".utf8), path: Array("/boot/config 6.1.0".utf8)))
    #expect(map.objects[map.ranges[0].object] == MappedObject(kind: .disk, device: Array("/dev/sda".utf8), path: nil))
    #expect(
      map.objects.find(kind: .directory, device: Array("/dev/sda1".utf8), path: Array("/lost+found".utf8))
        == map.ranges[2].object)
    #expect(map.objects.find(kind: .directory, device: Array("/dev/sda1".utf8), path: Array("/lost".utf8)) == nil)
    #expect(map.objects.find(kind: .file, device: Array("/dev/sda9".utf8), path: nil) == nil)
  }

  @Test func readsMapsOf2014() throws {
    let map = try read("1 0 1000 v /dev/sda\n1 200 400 f /dev/sda1 /a\\b c\n2 0 200 p /dev/sdb1\n")
    #expect(!map.hasOffsets)
    #expect(map.disks.isEmpty)
    #expect(map.objects[map.ranges[1].object].path == Array("/a\\b c".utf8))
    #expect(map.ranges.map(\.disk) == [1, 1, 2])
    // A comment first, and a last line without a newline.
    #expect(try read("# by hand\n1 0 1000 v /dev/sda").ranges.count == 1)
    // A header line of version 2 is a comment in the old format.
    #expect(try read("# by hand\n# disk usage\n1 0 1000 v /dev/sda\n").ranges.count == 1)
  }

  @Test func takesLinesInAnyOrder() throws {
    let lines = sample.split(separator: "\n").map(String.init)
    let inOrder = try read(sample)
    for _ in 0..<10 {
      let shuffled = lines[..<2] + lines[2...].shuffled()
      let map = try read(shuffled.joined(separator: "\n") + "\n")
      #expect(map.ranges.map(\.range) == inOrder.ranges.map(\.range))
      #expect(map.ranges.map { map.objects[$0.object] } == inOrder.ranges.map { inOrder.objects[$0.object] })
    }
  }

  static let header = "# virt-bmap 2\n# disk 1 size=1000 format=raw file=a\n"

  /// A malformed map, the line number in the error, and a part of the message.
  static let wrong: [(String, Int, String)] = [
    ("", 1, "not a block map: the file is empty"),
    ("\n", 1, "not a block map: DISK"),
    ("#\n#\n", 2, "no header and no ranges"),
    ("PK\u{3}\u{4}", 1, "not a block map: DISK"),
    ("\0\0\0\0", 1, "not a block map: DISK"),
    ("QFI\u{fb}\n1 0 1 v /dev/sda\n", 1, "not a block map"),
    ("# virt-bmap 3\n", 1, "a version of the format that is not 2"),
    ("# virt-bmap 2\r\n", 1, "CR LF"),
    ("# virt-bmap 2", 1, "cut short"),
    (header + "1 0 1 v /dev/sda", 3, "cut short"),
    (header + "1 0 1 v /dev/sda\r\n", 3, "CR LF"),
    (header + "1 0 1 f /dev/sda /a\r\n", 3, "CR LF"),
    (header + "\n", 3, "DISK is not a number"),
    (header + "0 0 1 v /dev/sda\n", 3, "DISK is not a number"),
    (header + "256 0 1 v /dev/sda\n", 3, "DISK is not a number"),
    (header + "99999999999999999999 0 1 v /dev/sda\n", 3, "DISK is not a number"),
    (header + "-1 0 1 v /dev/sda\n", 3, "DISK is not a number"),
    (header + "2 0 1 v /dev/sda\n", 3, "no line \"# disk 2\""),
    (header + "1\n", 3, "ends before START"),
    (header + "1 \n", 3, "START is not a hexadecimal number"),
    (header + "1 0\n", 3, "ends before END"),
    (header + "1 0 1\n", 3, "ends before KIND"),
    (header + "1 0 1 \n", 3, "ends before KIND"),
    (header + "1 0 1 v\n", 3, "ends before DEVICE"),
    (header + "1 0 1 v \n", 3, "DEVICE is missing"),
    (header + "1 0 1 f /dev/sda1\n", 3, "PATH is missing"),
    (header + "1 0 1 d /dev/sda1 \n", 3, "PATH is missing"),
    (header + "1  0 1 v /dev/sda\n", 3, "START is not a hexadecimal number"),
    (header + "1 0x0 1 v /dev/sda\n", 3, "one space must stand before END"),
    (header + "1 0 g v /dev/sda\n", 3, "END is not a hexadecimal number"),
    (header + "1 0 10000000000000000 v /dev/sda\n", 3, "END does not fit in 64 bits"),
    (header + "1 0 1001 v /dev/sda\n", 3, "END lies beyond the disk, which ends at 1000"),
    (header + "1 0 ffffffffffffffff v /dev/sda\n", 3, "END lies beyond the disk"),
    (header + "1 5 5 v /dev/sda\n", 3, "END is not above START"),
    (header + "1 5 4 v /dev/sda\n", 3, "END is not above START"),
    (header + "1 0 1 1 /dev/sda\n", 3, "KIND is not a letter"),
    (header + "1 0 1 [ /dev/sda\n", 3, "KIND is not a letter"),
    (header + "1 0 1 \u{e9} /dev/sda\n", 3, "KIND is not a letter"),
    (header + "1 0 1 vv /dev/sda\n", 3, "one space must stand before DEVICE"),
    (header + "1 0 1 f@ /dev/sda /a\n", 3, "the offset after @ is not a hexadecimal number"),
    (header + "1 0 1 f@ffffffffffffffff /dev/sda /a\n", 3, "do not fit in 64 bits"),
    (header + "1 0 1 v /dev/sda\n1 0 1 f /dev/sda /a\\1\n", 4, "three octal digits"),
    (header + "1 0 1 f /dev/sda /a\\\n", 3, "three octal digits"),
    (header + "1 0 1 f /dev/sda /a\\400\n", 3, "three octal digits"),
    (header + "1 0 1 f /dev/sda /a\\08b\n", 3, "three octal digits"),
    (header + "1 0 1 f /dev\\sda /a\n", 3, "three octal digits"),
    (header + "1 0 1 f /dev/sda /a\0b\n", 3, "a byte 0x00 in a name"),
    (header + "1 0 1 f /dev/sda /a\tb\n", 3, "a byte 0x09 in a name"),
    (header + "1 0 1 f /dev/s\u{7f}da /ab\n", 3, "a byte 0x7f in a name"),
    ("1 0 1 m /dev/sda\n", 1, "not a block map: KIND is none of v p l d f"),
    ("1 0 1 v /dev/sda\n1 0 1 f@1 /dev/sda /a\n", 2, "one space must stand before DEVICE"),
    ("1 0 1 v /dev/sda\n1 0 1 f /dev/sda /a\0b\n", 2, "a byte 0x00 in a name"),
    ("# virt-bmap 2\n# disk 2 size=1 format=raw file=a\n", 2, "disk 2 before disk 1"),
    (header + "# disk 1 size=1 format=raw file=a\n", 3, "disk 1 is described twice"),
    ("# virt-bmap 2\n# disk one size=1\n", 2, "DISK is not a number"),
    ("# virt-bmap 2\n# disk 1\n", 2, "size= of disk 1 is missing"),
    ("# virt-bmap 2\n# disk 1 size=\n", 2, "size= is not a hexadecimal number"),
    ("# virt-bmap 2\n# disk 1 size=1 size=2\n", 2, "size= is there twice"),
    ("# virt-bmap 2\n# disk 1 size=1  file=a\n", 2, "a field of the disk is empty"),
    ("# virt-bmap 2\n# disk 1 size=1x\n", 2, "one space must stand before the next field"),
    ("# virt-bmap 2\n# disk 1 size=1 file=a\\9\n", 2, "three octal digits"),
  ]

  @Test func saysWhichLineIsWrong() throws {
    for (text, line, message) in Self.wrong {
      let error = #expect(throws: MapError.self, "\(text.debugDescription)") { _ = try read(text) }
      let description = try #require(error).description
      #expect(description.contains("/map: line \(line): "), "\(text.debugDescription)")
      #expect(description.contains(message), "\(text.debugDescription)")
      #expect(!description.contains("\n"))
    }
  }

  @Test func saysWhatItCannotRead() throws {
    let scratch = try Scratch()
    let missing = #expect(throws: MapError.self) { _ = try BlockMap(contentsOf: scratch.path.appending("no")) }
    #expect(missing?.description == "\(scratch.path)/no: No such file or directory")
    let directory = #expect(throws: MapError.self) { _ = try BlockMap(contentsOf: scratch.path) }
    #expect(directory?.description == "\(scratch.path): cannot read: Is a directory")
  }

  @Test func boundsTheLengthOfALine() throws {
    let longest = String(repeating: "\\141", count: FormatLimits.pathBytes)
    let map = try read(Self.header + "1 0 1 f /dev/sda \(longest)\n1 0 2 f /dev/sda b\n")
    #expect(map.objects[map.ranges[0].object].path == [UInt8](repeating: 0x61, count: FormatLimits.pathBytes))
    #expect(map.ranges.count == 2)
    let longer = #expect(throws: MapError.self) { _ = try read(Self.header + "1 0 1 f /dev/sda \(longest)\\141\n") }
    #expect(try #require(longer).description.contains("line 3: a map holds at most"))
    for length in [FormatLimits.lineBytes + 1, 5 << 20] {
      let endless = #expect(throws: MapError.self) {
        _ = try read(Self.header + "1 0 1 v /dev/sda\n#" + String(repeating: "x", count: length))
      }
      #expect(try #require(endless).description.contains("line 4: longer than"))
    }
    let zeros = #expect(throws: MapError.self) { _ = try BlockMap(contentsOf: "/dev/zero") }
    #expect(try #require(zeros).description.contains("/dev/zero: line 1: not a block map: longer than"))
  }

  @Test func readsMapsLargerThanItsBufferFromAPipe() throws {
    let scratch = try Scratch()
    let fifo = scratch.path.appending("fifo")
    #expect(fifo.withPlatformString { mkfifo($0, 0o600) } == 0)
    let lines = 100_000
    let script = """
      awk 'BEGIN {
        print "# virt-bmap 2\\n# disk 1 size=ffffffffffff format=raw file=a"
        for (i = 0; i < \(lines); i++)
          printf "1 %x %x f /dev/sda1 /some/folder/file%d\\n", i * 4096, i * 4096 + 2048, i
      }' > "$0"
      """
    let writer = try Child(["sh", "-c", script, fifo.string], output: "/dev/null")
    let map = try BlockMap(contentsOf: fifo)
    #expect(try writer.wait() == .exited(0))
    #expect(map.ranges.count == lines)
    #expect(map.objects.count == lines)
    for line in [0, 1, 77_777, lines - 1] {
      #expect(map.ranges[line].range.lowerBound == UInt64(line) * 0x1000)
      #expect(map.objects[map.ranges[line].object].path == Array("/some/folder/file\(line)".utf8))
    }
  }
}
