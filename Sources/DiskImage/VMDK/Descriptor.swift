import Glibc
import SystemPackage

/// A VMDK's descriptor: text that says what kind of disk it is and which files hold its ranges.
///
/// The format is in VMware's technical note "Virtual Disk Format 5.0", section "The Descriptor File".
struct Descriptor {
  /// The kind of disk, as written: `monolithicSparse`.
  let createType: String
  /// The content ID of the disk this one is a snapshot over; `noParent` where it is none.
  let parentCID: UInt32
  /// In order of the disk. Not empty.
  let extents: [DescriptorExtent]

  static let noParent: UInt32 = 0xffff_ffff

  /// Parses a descriptor's text.
  /// - Parameters:
  ///   - text: the bytes. The text ends at the first NUL; writers leave anything behind it when they fill up the room
  ///     for it (qemu-img does even in a file of its own).
  ///   - path: the file it is in, for messages.
  /// - Throws: `DiskError` with `EINVAL` and the line's number.
  init(parsing text: [UInt8], path: FilePath) throws(DiskError) {
    var fields: [String: [UInt8]] = [:]
    var extents: [DescriptorExtent] = []
    var number = 0
    var sawSignature = false
    let used = text.prefix(while: { $0 != 0 })
    for rawLine in used.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let line = trimmed(rawLine)
      if line.isEmpty { continue }
      if !sawSignature {
        guard lowercased(line) == lowercased(Descriptor.signature) else {
          throw DiskError(
            path, "is not a VMDK: it begins neither with a VMDK header nor with \"# Disk DescriptorFile\"",
            errno: EINVAL)
        }
        sawSignature = true
        continue
      }
      if line.first == UInt8(ascii: "#") { continue }
      if DescriptorExtent.looksLikeExtent(line) {
        guard extents.count < VMDKLimits.extents else {
          throw DiskError(path, "line \(number): more than \(VMDKLimits.extents) extents", errno: EINVAL)
        }
        extents.append(try DescriptorExtent(parsing: line, number: number, path: path))
      } else if let (key, value) = Descriptor.field(line) {
        // The disk database is not needed to read the disk.
        if key.hasPrefix("ddb.") { continue }
        guard fields.updateValue(value, forKey: key) == nil else {
          throw DiskError(path, "line \(number): \"\(printable(key.utf8))\" appears a second time", errno: EINVAL)
        }
      } else {
        throw DiskError(
          path, "line \(number) is neither a comment, a setting nor an extent: \"\(printable(line.prefix(80)))\"",
          errno: EINVAL)
      }
    }
    guard sawSignature else { throw DiskError(path, "has an empty VMDK descriptor", errno: EINVAL) }

    if let version = fields["version"], let value = decimal(version), !(1...3).contains(value) {
      throw DiskError(path, "descriptor version \(value) is not supported", errno: ENOTSUP)
    }
    guard let createType = fields["createtype"] else {
      throw DiskError(path, "the descriptor has no createType", errno: EINVAL)
    }
    self.createType = printable(createType)
    if let parent = fields["parentcid"] {
      guard let value = UInt32(String(decoding: parent, as: UTF8.self), radix: 16) else {
        throw DiskError(path, "parentCID \"\(printable(parent))\" is not a hexadecimal number", errno: EINVAL)
      }
      parentCID = value
    } else {
      parentCID = Descriptor.noParent
    }
    guard !extents.isEmpty else { throw DiskError(path, "the descriptor names no extents", errno: EINVAL) }
    self.extents = extents
  }

  /// The comment that every descriptor begins with.
  private static let signature = [UInt8]("# Disk DescriptorFile".utf8)

  /// `key = "value"`, the quotes and the spaces around the sign optional, the key in lower case.
  private static func field(_ line: ArraySlice<UInt8>) -> (key: String, value: [UInt8])? {
    guard let sign = line.firstIndex(of: UInt8(ascii: "=")) else { return nil }
    let key = trimmed(line[..<sign])
    var value = trimmed(line[(sign + 1)...])
    if value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") {
      value = value.dropFirst().dropLast()
    }
    guard !key.isEmpty, !key.contains(UInt8(ascii: "\"")) else { return nil }
    return (String(decoding: lowercased(key), as: UTF8.self), [UInt8](value))
  }
}
