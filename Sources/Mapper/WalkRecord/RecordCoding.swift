/// Why records cannot be encoded or decoded.
public enum RecordError: Error, CustomStringConvertible, Sendable {
  case notARecord(offset: Int)
  case tooLong

  public var description: String {
    switch self {
    case .notARecord(let offset): "the channel holds no valid record at offset \(offset)"
    case .tooLong: "a file name is too long for a record"
    }
  }
}

/// Encodes records for one write to the channel disk, a multiple of 512 bytes.
///
/// A write starts with the four bytes `VBW1` and its length in bytes, which includes this header but not the
/// padding.
public struct RecordBuffer: Sendable {
  static let magic: UInt32 = 0x3157_4256
  static let headerSize = 8
  static let alignment = 512

  public private(set) var bytes: [UInt8] = []

  public init() { clear() }

  public var isEmpty: Bool { bytes.count <= Self.headerSize }

  public mutating func clear() {
    bytes.removeAll(keepingCapacity: true)
    bytes.append(littleEndian: Self.magic)
    bytes.append(littleEndian: UInt32(0))
  }

  public mutating func append(_ record: Record) throws(RecordError) {
    switch record {
    case .begin(let inodes, let bytes): try add(type: 1, count: 2, (inodes, bytes, 0, 0, 0))
    case .object(let id, let parent, let kind, let name):
      try add(type: 2, flags: kind.rawValue, count: 2, (id, parent, 0, 0, 0), name: name)
    case .link(let id, let parent, let name): try add(type: 3, count: 2, (id, parent, 0, 0, 0), name: name)
    case .chunk(let chunk):
      let numbers = UInt64(chunk.number) | UInt64(chunk.replaces) << 32
      try add(
        type: 4, flags: chunk.layout.rawValue, count: 5,
        (numbers, chunk.object, chunk.offset, chunk.length, chunk.physical))
    case .idle: try add(type: 5)
    case .settled: try add(type: 6)
    case .failure(let parent, let errno, let name):
      try add(type: 7, count: 2, (parent, UInt64(UInt32(bitPattern: errno)), 0, 0, 0), name: name)
    case .end: try add(type: 8)
    case .extent(let extent):
      try add(
        type: 11, flags: extent.content.rawValue, count: 4,
        (extent.object, extent.offset, extent.length, extent.physical, 0))
    case .inode(let id, let number): try add(type: 9, count: 2, (id, number, 0, 0, 0))
    case .encrypted(let id, let number): try add(type: 10, count: 2, (id, number, 0, 0, 0))
    }
  }

  private typealias Numbers = (UInt64, UInt64, UInt64, UInt64, UInt64)

  /// - Parameter count: how many of the numbers are used. They are appended all at once for speed, because the
  ///   walker does this for every file and may be emulated.
  private mutating func add(
    type: UInt8, flags: UInt8 = 0, count: Int = 0, _ numbers: Numbers = (0, 0, 0, 0, 0), name: [UInt8] = []
  ) throws(RecordError) {
    let size = count * MemoryLayout<UInt64>.size
    guard let length = UInt16(exactly: size + name.count) else { throw .tooLong }
    let head = UInt32(type) | UInt32(flags) << 8 | UInt32(length) << 16
    bytes.append(littleEndian: head)
    let (a, b, c, d, e) = numbers
    let ordered = (a.littleEndian, b.littleEndian, c.littleEndian, d.littleEndian, e.littleEndian)
    Swift.withUnsafeBytes(of: ordered) { bytes.append(contentsOf: $0.prefix(size)) }
    bytes.append(contentsOf: name)
  }

  /// The whole write, padded to a multiple of 512 bytes.
  public mutating func padded() -> [UInt8] {
    let length = UInt32(truncatingIfNeeded: bytes.count)
    Swift.withUnsafeBytes(of: length.littleEndian) { bytes.replaceSubrange(4..<8, with: $0) }
    let padding = (Self.alignment - bytes.count % Self.alignment) % Self.alignment
    bytes.append(contentsOf: repeatElement(0, count: padding))
    return bytes
  }
}

/// Decodes the records of one write to the channel disk. The bytes come from a machine that has mounted an untrusted
/// filesystem, so all of them are checked.
public func forEachRecord(
  in write: UnsafeRawBufferPointer, _ body: (Record) throws -> Void
) throws {
  var header = ByteCursor(write)
  guard header.next(UInt32.self) == RecordBuffer.magic, let length = header.next(UInt32.self),
    length >= RecordBuffer.headerSize, length <= write.count
  else { throw RecordError.notARecord(offset: 0) }
  var cursor = ByteCursor(UnsafeRawBufferPointer(rebasing: write[RecordBuffer.headerSize..<Int(length)]))
  while cursor.left > 0 {
    let offset = Int(length) - cursor.left
    guard let type = cursor.next(UInt8.self), let flags = cursor.next(UInt8.self),
      let size = cursor.next(UInt16.self), let payload = cursor.take(Int(size)),
      let record = Record(type: type, flags: flags, payload: payload)
    else { throw RecordError.notARecord(offset: offset) }
    try body(record)
  }
}

extension Record {
  fileprivate init?(type: UInt8, flags: UInt8, payload: UnsafeRawBufferPointer) {
    var cursor = ByteCursor(payload)
    func field() -> UInt64? { cursor.next() }
    func rest() -> [UInt8] { cursor.take(cursor.left).map { Array($0) } ?? [] }
    switch type {
    case 1:
      guard let inodes = field(), let bytes = field() else { return nil }
      self = .begin(inodes: inodes, bytes: bytes)
    case 2:
      guard let id = field(), let parent = field(), let kind = Kind(rawValue: flags) else { return nil }
      self = .object(id: id, parent: parent, kind: kind, name: rest())
    case 3:
      guard let id = field(), let parent = field() else { return nil }
      self = .link(id: id, parent: parent, name: rest())
    case 4:
      guard let numbers = field(), let object = field(), let offset = field(), let length = field(),
        let layout = Chunk.Layout(rawValue: flags), let physical = field()
      else { return nil }
      self = .chunk(
        Chunk(
          number: UInt32(truncatingIfNeeded: numbers), replaces: UInt32(truncatingIfNeeded: numbers >> 32),
          object: object, offset: offset, length: length, layout: layout, physical: physical))
    case 5: self = .idle
    case 6: self = .settled
    case 7:
      guard let parent = field(), let errno = field() else { return nil }
      self = .failure(parent: parent, errno: Int32(truncatingIfNeeded: errno), name: rest())
    case 8: self = .end
    case 9:
      guard let id = field(), let number = field() else { return nil }
      self = .inode(id: id, number: number)
    case 10:
      guard let id = field(), let number = field() else { return nil }
      self = .encrypted(id: id, number: number)
    case 11:
      guard let object = field(), let offset = field(), let length = field(), let physical = field(),
        let content = ReportedExtent.Content(rawValue: flags)
      else { return nil }
      self = .extent(
        ReportedExtent(object: object, offset: offset, length: length, physical: physical, content: content))
    default: return nil
    }
  }
}
