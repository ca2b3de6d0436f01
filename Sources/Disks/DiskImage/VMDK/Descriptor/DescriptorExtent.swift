import Glibc
import SystemPackage

/// A line of a descriptor's extent section: `ACCESS SECTORS TYPE ["FILE" [OFFSET]]`.
struct DescriptorExtent: Equatable, Sendable {
  enum Access: String, Sendable {
    case readWrite = "RW"
    case readOnly = "RDONLY"
    case none = "NOACCESS"
  }

  /// What holds the extent's bytes.
  enum Storage: Equatable, Sendable {
    /// Nothing: they are zeros.
    case zero
    /// The bytes of `file` from `offset` (in bytes) on.
    case flat(file: [UInt8], offset: UInt64)
    /// A file with a header, tables and grains. Which kind it is, the header says.
    case sparse(file: [UInt8])
  }

  let access: Access
  /// In bytes, a multiple of the sector, not 0, not above `VMDKLimits.diskBytes`.
  let size: UInt64
  /// As written: `VMFSSPARSE`.
  let type: String
  let storage: Storage
  /// The line of the descriptor, from 1, for messages.
  let line: Int

  /// Whether a line is meant to be one, be it right or wrong.
  static func looksLikeExtent(_ line: ArraySlice<UInt8>) -> Bool {
    var rest = line
    let first = String(decoding: word(&rest), as: UTF8.self)
    if Access(rawValue: first) != nil { return true }
    return Access(rawValue: first.uppercased()) != nil && decimal(word(&rest)) != nil
  }

  /// - Parameters:
  ///   - line: one for which `looksLikeExtent` is true, without white space around it.
  ///   - number: the line's, from 1.
  ///   - path: the descriptor's file, for messages.
  /// - Returns: nil for one of no sectors, which is no part of the disk.
  /// - Throws: `DiskError` with `EINVAL` and the line's number.
  init?(parsing line: ArraySlice<UInt8>, number: Int, path: FilePath) throws(DiskError) {
    func wrong(_ what: String) -> DiskError {
      DiskError(path, "line \(number): \(what): \"\(printable(line.prefix(80)))\"", errno: EINVAL)
    }
    self.line = number
    var rest = line
    guard let access = Access(rawValue: String(decoding: DescriptorExtent.word(&rest), as: UTF8.self)) else {
      throw wrong("an extent's access has to be RW, RDONLY or NOACCESS")
    }
    self.access = access
    guard let sectors = decimal(DescriptorExtent.word(&rest)) else {
      throw wrong("an extent's size has to be a number of sectors")
    }
    if sectors == 0 { return nil }
    guard let size = DescriptorExtent.bytes(sectors: sectors) else { throw wrong("the extent is too large") }
    self.size = size

    type = String(decoding: DescriptorExtent.word(&rest), as: UTF8.self)
    switch type {
    case "ZERO":
      guard rest.isEmpty else { throw wrong("a ZERO extent has no file") }
      storage = .zero
    case "FLAT", "VMFS", "VMFSRDM", "VMFSRAW":
      guard let file = DescriptorExtent.fileName(&rest) else { throw wrong("the extent's file name is missing") }
      let offset = rest.isEmpty ? ArraySlice([UInt8(ascii: "0")]) : DescriptorExtent.word(&rest)
      // An extent on a device may name the partition and the device once more, for hosts on which names change.
      guard rest.isEmpty || rest.starts(with: "partitionUUID".utf8), let offset = decimal(offset),
        let offset = DescriptorExtent.bytes(sectors: offset), size <= VMDKLimits.diskBytes - offset
      else { throw wrong("a \(type) extent's file name is followed by its offset in sectors and nothing else") }
      storage = .flat(file: file, offset: offset)
    case "SPARSE", "VMFSSPARSE", "SESPARSE":
      guard let file = DescriptorExtent.fileName(&rest) else { throw wrong("the extent's file name is missing") }
      guard rest.isEmpty || decimal(rest) == 0 else { throw wrong("a \(type) extent begins at its file's start") }
      storage = .sparse(file: file)
    default:
      throw wrong("unknown extent type")
    }
  }

  /// Takes the first word off, and the white space after it.
  private static func word(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let word = rest.prefix { !isSpace($0) }
    rest = trimmed(rest.dropFirst(word.count))
    return word
  }

  /// Takes a quoted name off. There is no way to write a quote in one.
  private static func fileName(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    let quote = UInt8(ascii: "\"")
    guard rest.first == quote, let end = rest.dropFirst().firstIndex(of: quote) else { return nil }
    let name = rest[(rest.startIndex + 1)..<end]
    rest = trimmed(rest[(end + 1)...])
    return name.isEmpty ? nil : [UInt8](name)
  }

  /// nil where it is more than a disk may have.
  private static func bytes(sectors: UInt64) -> UInt64? {
    let (bytes, overflow) = sectors.multipliedReportingOverflow(by: VMDKLimits.sectorBytes)
    return overflow || bytes > VMDKLimits.diskBytes ? nil : bytes
  }
}
