/// The recorder's answer to a read of the channel disk: which chunks since the last answer were ambiguous.
///
/// One block of 4096 bytes, little endian: a 32-bit count, then as many 32-bit chunk numbers.
public struct Feedback: Equatable, Sendable {
  public static let size = 4096
  /// Offset of the answer on the channel disk, in bytes: away from where a kernel looks for partition tables.
  public static let position: UInt64 = 1 << 20
  /// The maximum number of chunks in an answer. A walker must ask before it has written this many chunks.
  public static let capacity = size / 4 - 1

  public var ambiguous: [UInt32]

  public init(ambiguous: [UInt32]) { self.ambiguous = ambiguous }

  public init?(_ bytes: UnsafeRawBufferPointer) {
    var cursor = ByteCursor(bytes)
    guard let count = cursor.next(UInt32.self), count <= Self.capacity else { return nil }
    ambiguous = []
    for _ in 0..<count {
      guard let number = cursor.next(UInt32.self) else { return nil }
      ambiguous.append(number)
    }
  }

  public var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.size)
    let numbers = ambiguous.prefix(Self.capacity)
    bytes.append(littleEndian: UInt32(numbers.count))
    for number in numbers { bytes.append(littleEndian: number) }
    bytes.append(contentsOf: repeatElement(0, count: Self.size - bytes.count))
    return bytes
  }
}
