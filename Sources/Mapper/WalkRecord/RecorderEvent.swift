/// What the recorder sends to the mapper: the reads and writes of the disks and the writes to the channel, in order.
///
/// On the wire, all integers are little-endian: one byte for the type (1 read, 2 channel, 3 written, 4 unreadable),
/// one for the disk, two zero bytes, four bytes for the length, eight for the offset. For the channel, `length`
/// bytes follow.
public enum RecorderEvent: Equatable, Sendable {
  /// A read. `disk` counts from 1; `offset` and `length` are in bytes of the raw disk.
  case read(disk: UInt8, offset: UInt64, length: UInt32)
  /// A write by the appliance, which does not reach the disk itself; otherwise as `read`.
  case written(disk: UInt8, offset: UInt64, length: UInt32)
  /// A read that failed; otherwise as `read`.
  case unreadable(disk: UInt8, offset: UInt64, length: UInt32)
  /// One write to the channel disk, as the walker made it.
  case channel([UInt8])

  public static let headerSize = 16
  /// The maximum size in bytes of a write to the channel. Walkers never write more; anything larger is an error.
  public static let maximumChannelWrite = 1 << 20

  /// The event in wire format.
  public var encoded: [UInt8] {
    switch self {
    case .read(let disk, let offset, let length):
      return Self.header(type: 1, disk: disk, length: length, offset: offset)
    case .written(let disk, let offset, let length):
      return Self.header(type: 3, disk: disk, length: length, offset: offset)
    case .unreadable(let disk, let offset, let length):
      return Self.header(type: 4, disk: disk, length: length, offset: offset)
    case .channel(let bytes):
      return Self.header(type: 2, disk: 0, length: UInt32(truncatingIfNeeded: bytes.count), offset: 0) + bytes
    }
  }

  private static func header(type: UInt8, disk: UInt8, length: UInt32, offset: UInt64) -> [UInt8] {
    var bytes = [type, disk, 0, 0]
    bytes.reserveCapacity(headerSize)
    bytes.append(littleEndian: length)
    bytes.append(littleEndian: offset)
    return bytes
  }
}

/// Decodes events from a stream of bytes that arrives in pieces of any size.
public struct RecorderEventDecoder: Sendable {
  private var pending: [UInt8] = []

  public init() {}

  /// Calls `body` for every event that is complete.
  public mutating func decode(_ bytes: UnsafeRawBufferPointer, _ body: (RecorderEvent) throws -> Void) throws {
    pending.append(contentsOf: bytes)
    var consumed = 0
    defer { pending.removeFirst(consumed) }
    try pending.withUnsafeBytes { all in
      while true {
        var cursor = ByteCursor(UnsafeRawBufferPointer(rebasing: all[consumed...]))
        guard let type = cursor.next(UInt8.self), let disk = cursor.next(UInt8.self),
          cursor.next(UInt16.self) != nil, let length = cursor.next(UInt32.self), let offset = cursor.next(UInt64.self)
        else { return }
        switch type {
        case 1:
          consumed += RecorderEvent.headerSize
          try body(.read(disk: disk, offset: offset, length: length))
        case 3:
          consumed += RecorderEvent.headerSize
          try body(.written(disk: disk, offset: offset, length: length))
        case 4:
          consumed += RecorderEvent.headerSize
          try body(.unreadable(disk: disk, offset: offset, length: length))
        case 2 where length <= RecorderEvent.maximumChannelWrite:
          guard let write = cursor.take(Int(length)) else { return }
          consumed += RecorderEvent.headerSize + write.count
          try body(.channel(Array(write)))
        default: throw RecordError.notARecord(offset: consumed)
        }
      }
    }
  }
}
