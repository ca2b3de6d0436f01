import CLinux
import Glibc

/// A name in a directory, as getdents64(2) returns it.
struct DirectoryEntry {
  enum Kind {
    case directory, file, other
    /// The filesystem does not say; look at the inode.
    case unknown
  }

  var name: [UInt8]
  var kind: Kind
}

extension DirectoryEntry {
  /// Offsets in `struct linux_dirent64`.
  private static let lengthOffset = 16
  private static let typeOffset = 18
  private static let nameOffset = 19

  /// All entries of a directory except `.` and `..`; nil with errno set if it cannot be read to the end.
  static func all(in directory: Int32, buffer: AlignedBuffer) -> [DirectoryEntry]? {
    var entries: [DirectoryEntry] = []
    while true {
      let count = clinux_getdents(directory, buffer.bytes.baseAddress, buffer.bytes.count)
      guard count >= 0 else { return nil }
      guard count > 0 else { return entries }
      var rest = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<min(count, buffer.bytes.count)])
      while rest.count > nameOffset {
        let length = Int(rest.loadUnaligned(fromByteOffset: lengthOffset, as: UInt16.self))
        guard length > nameOffset, length <= rest.count else { break }
        let padded = UnsafeRawBufferPointer(rebasing: rest[nameOffset..<length])
        let name = UnsafeRawBufferPointer(
          rebasing: padded[..<(padded.baseAddress.map { strnlen($0, padded.count) } ?? 0)])
        if !isItselfOrParent(name) {
          entries.append(DirectoryEntry(name: Array(name), kind: kind(rest[typeOffset])))
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[length...])
      }
    }
  }

  /// Whether the name is `.`, `..` or empty.
  private static func isItselfOrParent(_ name: UnsafeRawBufferPointer) -> Bool {
    name.count <= 2 && name.allSatisfy { $0 == 0x2e }
  }

  private static func kind(_ type: UInt8) -> Kind {
    switch Int32(type) {
    case 4: .directory  // DT_DIR
    case 8: .file  // DT_REG
    case 0: .unknown  // DT_UNKNOWN
    default: .other
    }
  }
}

/// Calls `body` with the name as a C string.
func withName<R>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> R) -> R? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: name.count + 1) { text in
    guard let start = text.baseAddress else { return nil }
    name.withUnsafeBytes { UnsafeMutableRawBufferPointer(text).copyMemory(from: $0) }
    text[name.count] = 0
    return body(start)
  }
}
