import Glibc
import SystemPackage

/// A VMDK's descriptor: text that says what kind of disk it is and which files hold its ranges.
///
/// The format is in VMware's technical note "Virtual Disk Format 5.0", section "The Descriptor File".
struct Descriptor: Sendable {
  /// The kind of disk, as written: `monolithicSparse`.
  let createType: String
  /// The content ID, which is new after each run in which the disk was written; nil where there is none.
  let cid: UInt32?
  /// The content ID of the disk this one is a snapshot over; `noParent` where it is none.
  let parentCID: UInt32
  /// The parent's file, as it was named when the snapshot was made.
  let parentFileNameHint: [UInt8]?
  /// The encoding of the names in it, as written; nil where it is not said.
  let encoding: String?
  /// In order of the disk. Not empty.
  let extents: [DescriptorExtent]
  /// Every setting but the disk database's, as written, in order.
  let settings: [DescriptorSetting]
  /// The disk database, in order: `ddb.adapterType` and others.
  let database: [DescriptorSetting]
  /// What is odd in it but does not prevent reading, one line each, in the form `PATH: message`.
  let warnings: [String]

  static let noParent: UInt32 = 0xffff_ffff

  /// Where a descriptor's text was found.
  enum Home {
    /// In a file of its own. Only the text can show that it is one.
    case ownFile
    /// Behind the header of an extent, which is proof enough of a VMDK.
    case extent
  }

  /// Parses a descriptor's text.
  ///
  /// Products differ in the first line, and other programs edit the text. So no line has to be there but those that say
  /// what the disk is made of; one that means nothing here gives a warning, and of a key that comes twice the first counts.
  /// A line that may be an extent has to be one: without it, what follows would be at other places of the disk.
  /// - Parameters:
  ///   - text: the bytes. The text ends at the first NUL; writers leave anything behind it when they fill up the room
  ///     for it (qemu-img does even in a file of its own).
  ///   - home: where it was found.
  ///   - path: the file it is in, for messages.
  /// - Throws: `DiskError` with `EINVAL` and the line's number.
  init(parsing text: [UInt8], in home: Home, path: FilePath) throws(DiskError) {
    try Descriptor.checkIsNotUTF16(text, path: path)
    var settings: [DescriptorSetting] = []
    var database: [DescriptorSetting] = []
    var fields: [String: [UInt8]] = [:]
    var extents: [DescriptorExtent] = []
    var oddities = DescriptorOddities(path: path)
    var number = 0
    var firstLine: ArraySlice<UInt8>?
    for rawLine in Descriptor.used(text).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let line = trimmed(rawLine)
      if line.isEmpty { continue }
      if firstLine == nil { firstLine = line }
      if line.first == UInt8(ascii: "#") { continue }
      if DescriptorExtent.looksLikeExtent(line) {
        guard extents.count < VMDKLimits.extents else {
          throw DiskError(path, "line \(number): more than \(VMDKLimits.extents) extents", errno: EINVAL)
        }
        guard let extent = try DescriptorExtent(parsing: line, number: number, path: path) else {
          oddities.add("line \(number): an extent of 0 sectors is left out: \"\(printable(line.prefix(80)))\"")
          continue
        }
        extents.append(extent)
      } else if let setting = DescriptorSetting(parsing: line) {
        let key = setting.key.lowercased()
        if key.hasPrefix("ddb.") {
          database.append(setting)
          continue
        }
        guard fields[key] == nil else {
          oddities.add(
            "line \(number): \"\(printable(setting.key.utf8.prefix(80)))\" appears a second time; the first one counts")
          continue
        }
        fields[key] = setting.value
        settings.append(setting)
      } else {
        oddities.add(
          "line \(number) is neither a comment, a setting nor an extent, and is left out: "
            + "\"\(printable(line.prefix(80)))\"")
      }
    }
    guard let firstLine else { throw DiskError(path, "has an empty VMDK descriptor", errno: EINVAL) }
    guard home == .extent || isSignature(firstLine) || fields["createtype"] != nil && !extents.isEmpty else {
      throw DiskError(
        path, "is not a VMDK: it begins neither with a VMDK header nor with \"# Disk DescriptorFile\"", errno: EINVAL)
    }
    try self.init(
      fields, extents, settings: settings, database: database, warnings: oddities.warnings, path: path)
  }

  /// Whether there is no text in the room for one: an extent of several has its descriptor in a file of its own.
  static func isEmpty(_ text: [UInt8]) -> Bool {
    used(text).allSatisfy { isSpace($0) || $0 == UInt8(ascii: "\n") }
  }

  /// The text without the mark of UTF-8 before it, which editors on Windows write.
  private static func used(_ text: [UInt8]) -> ArraySlice<UInt8> {
    let used = text.prefix(while: { $0 != 0 })
    return used.starts(with: [0xef, 0xbb, 0xbf]) ? used.dropFirst(3) : used
  }

  private init(
    _ fields: [String: [UInt8]], _ extents: [DescriptorExtent], settings: [DescriptorSetting],
    database: [DescriptorSetting], warnings: [String], path: FilePath
  ) throws(DiskError) {
    if let version = fields["version"], let value = decimal(version), !(1...4).contains(value) {
      throw DiskError(path, "descriptor version \(value) is not supported", errno: ENOTSUP)
    }
    if let encoding = fields["encoding"] {
      guard DescriptorEncoding.isKnown(encoding) else {
        throw DiskError(
          path, "the descriptor is in the encoding \"\(printable(encoding.prefix(80)))\", which is not known",
          errno: EINVAL)
      }
    }
    guard let createType = fields["createtype"] else {
      throw DiskError(path, "the descriptor has no createType", errno: EINVAL)
    }
    guard !extents.isEmpty else { throw DiskError(path, "the descriptor names no extents", errno: EINVAL) }
    self.createType = printable(createType)
    cid = try Descriptor.contentID(fields["cid"], "CID", path)
    parentCID = try Descriptor.contentID(fields["parentcid"], "parentCID", path) ?? Descriptor.noParent
    parentFileNameHint = fields["parentfilenamehint"]
    encoding = fields["encoding"].map { printable($0) }
    self.extents = extents
    self.settings = settings
    self.database = database
    self.warnings = warnings
  }

  private static func contentID(_ text: [UInt8]?, _ key: String, _ path: FilePath) throws(DiskError) -> UInt32? {
    guard let text else { return nil }
    // A sign is no digit, though Swift takes it.
    guard text.first != UInt8(ascii: "+"), let value = UInt32(String(decoding: text, as: UTF8.self), radix: 16) else {
      throw DiskError(path, "\(key) \"\(printable(text.prefix(80)))\" is not a hexadecimal number", errno: EINVAL)
    }
    return value
  }

  private static func checkIsNotUTF16(_ text: [UInt8], path: FilePath) throws(DiskError) {
    let start = text.prefix(4)
    guard
      start.starts(with: [0xff, 0xfe]) || start.starts(with: [0xfe, 0xff])
        || start.elementsEqual([UInt8(ascii: "#"), 0, UInt8(ascii: " "), 0])
        || start.elementsEqual([0, UInt8(ascii: "#"), 0, UInt8(ascii: " ")])
    else { return }
    throw DiskError(path, "is text in UTF-16, which no VMDK descriptor is", errno: EINVAL)
  }
}

/// Whether a line is the comment by which products say that a text is a descriptor, however they write it:
/// `# Disk DescriptorFile`, `#Disk Descriptor File`, `# Description file created by VMDK stream converter`.
private func isSignature(_ line: ArraySlice<UInt8>) -> Bool {
  let letters = lowercased(line.filter { !isSpace($0) })
  return letters.starts(with: "#diskdescriptorfile".utf8) || letters.starts(with: "#descriptionfile".utf8)
}
