import Glibc
import SystemPackage

/// Parses the lines of a map into objects and ranges.
struct MapParser {
  /// The format, according to the first line.
  private enum Version {
    case unknown
    /// The 2014 format: five kinds, no header, no offsets, names not escaped.
    case headerless
    case two
  }

  private let path: FilePath
  private var version = Version.unknown
  private var line = 0
  private var disks: [DiskDescription] = []
  private var devices: [DeviceDescription] = []
  private var objects = ObjectTable()
  private var ranges: [MappedRange] = []
  private var isSorted = true
  private var isIncomplete = false

  init(path: FilePath) {
    self.path = path
  }

  private static let tooLong = "longer than \(FormatLimits.lineBytes) bytes"

  /// Parses lines that each end in a newline. A line without one is longer than the source's buffer.
  mutating func parse(_ lines: UnsafeRawBufferPointer) throws(MapError) {
    guard let base = lines.baseAddress else { return }
    let end = base + lines.count
    var start = base
    while start < end, let newline = memchr(start, 0x0a, end - start) {
      line &+= 1
      do {
        try parseLine(
          LineCursor(
            position: start.assumingMemoryBound(to: UInt8.self),
            end: UnsafePointer(newline.assumingMemoryBound(to: UInt8.self))))
      } catch {
        throw problem(error)
      }
      start = UnsafeRawPointer(newline) + 1
    }
    if start < end {
      line &+= 1
      throw problem(LineProblem(Self.tooLong))
    }
  }

  /// Returns the map. Call this after all lines.
  mutating func finish(endsInNewline: Bool) throws(MapError) -> BlockMap {
    if line == 0 { throw .line(path, 1, "not a block map: the file is empty") }
    if version != .two, ranges.isEmpty { throw .line(path, line, "not a block map: no header and no ranges") }
    if version == .two, !endsInNewline {
      throw .line(path, line, "the last line does not end in a newline: the map was cut short")
    }
    if !isSorted {
      ranges.sort { [objects] in RangeOrder.precedes($0, $1, objects) }
    }
    removeRepeated()
    return BlockMap(
      disks: disks, devices: devices, objects: objects, ranges: ranges, hasOffsets: version == .two,
      isIncomplete: isIncomplete)
  }

  /// Removes lines that repeat the one before: their bytes would count twice.
  private mutating func removeRepeated() {
    var kept = 0
    for index in ranges.indices where kept == 0 || ranges[index] != ranges[kept - 1] {
      ranges[kept] = ranges[index]
      kept += 1
    }
    ranges.removeLast(ranges.count - kept)
  }

  @inline(__always)
  private mutating func parseLine(_ cursor: LineCursor) throws(LineProblem) {
    guard cursor.end - cursor.position <= FormatLimits.lineBytes else {
      throw LineProblem(Self.tooLong)
    }
    if cursor.byte == 0x23 || line == 1 {
      if try parseHeader(cursor) { return }
    }
    try parseRange(cursor)
  }

  /// Parses a line that begins with `#`. Returns false for any other line.
  private mutating func parseHeader(_ line: LineCursor) throws(LineProblem) -> Bool {
    var cursor = line
    if self.line == 1 {
      version = .headerless
      if cursor.skip("# virt-bmap ") {
        guard cursor.rest.elementsEqual("2".utf8) else {
          let isCRLF = cursor.rest.elementsEqual("2\r".utf8)
          version = .two
          throw LineProblem(isCRLF ? Unescaper.crlf : "a version of the format that is not 2")
        }
        version = .two
        return true
      }
    }
    guard cursor.byte == 0x23, !cursor.isAtEnd else { return false }
    if version == .two, cursor.skip("# disk ") {
      let (number, disk) = try DiskHeader.parse(&cursor)
      guard number > disks.count else { throw LineProblem("disk \(number) is described twice") }
      guard number == disks.count + 1 else { throw LineProblem("disk \(number) before disk \(disks.count + 1)") }
      disks.append(disk)
    } else if version == .two, cursor.skip("# device ") {
      guard devices.count < FormatLimits.devices else {
        throw LineProblem("more than \(FormatLimits.devices) devices")
      }
      devices.append(try DeviceHeader.parse(&cursor))
    } else if version == .two, cursor.rest.elementsEqual("# incomplete".utf8) {
      isIncomplete = true
    }
    return true
  }

  @inline(__always)
  private mutating func parseRange(_ line: LineCursor) throws(LineProblem) {
    var cursor = line
    let disk = try cursor.diskNumber()
    try cursor.space(before: "START")
    let start = try cursor.hex("START")
    try cursor.space(before: "END")
    let end = try cursor.hex("END")
    guard end > start else { throw LineProblem("END is not above START") }
    try cursor.space(before: "KIND")
    let (kind, offset) = try parseKind(&cursor)
    guard !offset.addingReportingOverflow(end &- start).overflow else {
      throw LineProblem("the offset after @ and the range's length do not fit in 64 bits")
    }
    if version == .two { try check(disk, end) }
    try cursor.space(before: "DEVICE")
    let object = try parseObject(kind, &cursor)
    let range = MappedRange(disk: disk, range: start..<end, objectOffset: offset, object: object)
    if isSorted, let last = ranges.last {
      isSorted = isInOrder(last, range)
    }
    guard ranges.count < FormatLimits.entries else {
      throw LineProblem("more than \(FormatLimits.entries) ranges")
    }
    ranges.append(range)
  }

  @inline(__always)
  private func parseKind(_ cursor: inout LineCursor) throws(LineProblem) -> (ObjectKind, UInt64) {
    guard let kind = ObjectKind(rawValue: cursor.byte), version == .two || kind.isOf2014 else {
      throw LineProblem(
        cursor.isAtEnd ? "ends before KIND" : version == .two ? "KIND is not a letter" : "KIND is none of v p l d f")
    }
    _ = cursor.skip(kind.rawValue)
    guard version == .two, cursor.skip(0x40) else { return (kind, 0) }
    return (kind, try cursor.hex("the offset after @"))
  }

  @inline(__always)
  private mutating func parseObject(
    _ kind: ObjectKind, _ cursor: inout LineCursor
  ) throws(LineProblem) -> ObjectID {
    let device = cursor.word()
    guard !device.isEmpty else { throw LineProblem("DEVICE is missing") }
    var path: UnsafeRawBufferPointer?
    if cursor.skip(0x20) {
      path = cursor.rest
    }
    guard path.map({ !$0.isEmpty }) ?? !kind.needsPath else { throw LineProblem("PATH is missing") }
    if version == .headerless {
      try Self.checkUnescaped(device, path)
    } else if !Unescaper.isPlain(device) || !(path.map { Unescaper.isPlain($0) } ?? true) {
      return try internEscaped(kind, device, path)
    }
    return try Self.checkBounds(objects.intern(kind: kind, device: device, path: path))
  }

  @inline(never)
  private mutating func internEscaped(
    _ kind: ObjectKind, _ device: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer?
  ) throws(LineProblem) -> ObjectID {
    var name: [UInt8] = []
    try Unescaper.unescape(device, as: .device, into: &name)
    let deviceLength = name.count
    if let path { try Unescaper.unescape(path, as: .path, into: &name) }
    let id = name.withUnsafeBytes { name in
      objects.intern(
        kind: kind, device: UnsafeRawBufferPointer(rebasing: name[..<deviceLength]),
        path: path == nil ? nil : UnsafeRawBufferPointer(rebasing: name[deviceLength...]))
    }
    return try Self.checkBounds(id)
  }

  @inline(__always)
  private static func checkBounds(_ id: ObjectID?) throws(LineProblem) -> ObjectID {
    guard let id else {
      throw LineProblem(
        """
        a map holds at most \(FormatLimits.devices) devices of \(FormatLimits.deviceBytes) bytes, and objects \
        with paths of \(FormatLimits.pathBytes) bytes
        """)
    }
    return id
  }

  /// The 2014 format does not escape names, so the only errors are bytes that no name can contain.
  private static func checkUnescaped(
    _ device: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer?
  ) throws(LineProblem) {
    for name in [device, path ?? device] {
      if name.last == 0x0d { throw LineProblem(Unescaper.crlf) }
      if name.contains(0) { throw LineProblem("a byte 0x00 in a name") }
    }
  }

  @inline(__always)
  private func check(_ disk: UInt32, _ end: UInt64) throws(LineProblem) {
    guard disk <= disks.count else { throw LineProblem("no line \"# disk \(disk)\" above describes this disk") }
    let size = disks[Int(disk) - 1].size
    guard end <= size else {
      throw LineProblem("END lies beyond the disk, which ends at \(String(size, radix: 16))")
    }
  }

  @inline(__always)
  private func isInOrder(_ a: MappedRange, _ b: MappedRange) -> Bool {
    if a.disk != b.disk { return a.disk < b.disk }
    if a.range.lowerBound != b.range.lowerBound { return a.range.lowerBound < b.range.lowerBound }
    if a.range.upperBound != b.range.upperBound { return a.range.upperBound < b.range.upperBound }
    return !RangeOrder.precedes(b, a, objects)
  }

  @inline(never)
  private func problem(_ error: LineProblem) -> MapError {
    // So far, nothing has shown that this is a map at all.
    let isMap = version == .two || !ranges.isEmpty
    return .line(path, line, isMap ? error.reason : "not a block map: \(error.reason)")
  }
}

extension ObjectKind {
  /// Whether the 2014 format has this kind.
  fileprivate var isOf2014: Bool {
    switch self {
    case .disk, .partition, .logicalVolume, .directory, .file: true
    default: false
    }
  }

  /// Whether an object of this kind is in a filesystem, so that its device alone does not identify it.
  fileprivate var needsPath: Bool { self == .directory || self == .file }
}
