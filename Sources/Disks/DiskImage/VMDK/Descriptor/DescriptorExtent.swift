import Glibc
import SystemPackage

/// A line in the extent section of a descriptor: `ACCESS SECTORS TYPE ["FILE" [OFFSET]]`.
struct DescriptorExtent: Equatable, Sendable {
  enum Access: String, Sendable {
    case readWrite = "RW"
    case readOnly = "RDONLY"
    case none = "NOACCESS"
  }

  /// How the bytes of the extent are stored.
  enum Storage: Equatable, Sendable {
    /// Not stored: they are zeros.
    case zero
    /// As they are, in `file`, starting at `offset` (in bytes).
    case flat(file: [UInt8], offset: UInt64)
    /// In a file with a header, tables and grains. The header says which kind it is.
    case sparse(file: [UInt8])
  }

  let access: Access
  /// In bytes: a multiple of the sector size, at least one sector, at most `VMDKLimits.diskBytes`.
  let size: UInt64
  /// The type as written, for example `VMFSSPARSE`.
  let type: String
  let storage: Storage
  /// The line number in the descriptor, counting from 1, for messages.
  let line: Int

  /// Whether a line is meant to be an extent, even if it is invalid.
  static func looksLikeExtent(_ line: ArraySlice<UInt8>) -> Bool {
    var rest = line
    let first = String(decoding: word(&rest), as: UTF8.self)
    if Access(rawValue: first) != nil { return true }
    return Access(rawValue: first.uppercased()) != nil && decimal(word(&rest)) != nil
  }

  /// - Parameters:
  ///   - line: a line for which `looksLikeExtent` is true, without surrounding white space.
  ///   - number: the line number, counting from 1.
  ///   - path: the file of the descriptor, for messages.
  /// - Returns: `nil` if the extent has 0 sectors, and so is not part of the disk.
  /// - Throws: `DiskError` with `EINVAL` and the line number.
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
      // The line of an extent on a device may also identify the partition and the device, for hosts that rename their
      // devices.
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

  /// Removes and returns the first word, and removes the white space after it.
  private static func word(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let word = rest.prefix { !isSpace($0) }
    rest = trimmed(rest.dropFirst(word.count))
    return word
  }

  /// Removes and returns a quoted name. There is no way to escape a quotation mark in it.
  private static func fileName(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    let quote = UInt8(ascii: "\"")
    guard rest.first == quote, let end = rest.dropFirst().firstIndex(of: quote) else { return nil }
    let name = rest[(rest.startIndex + 1)..<end]
    rest = trimmed(rest[(end + 1)...])
    return name.isEmpty ? nil : [UInt8](name)
  }

  /// `nil` if it is more than `VMDKLimits.diskBytes`.
  private static func bytes(sectors: UInt64) -> UInt64? {
    let (bytes, overflow) = sectors.multipliedReportingOverflow(by: VMDKLimits.sectorBytes)
    return overflow || bytes > VMDKLimits.diskBytes ? nil : bytes
  }
}
