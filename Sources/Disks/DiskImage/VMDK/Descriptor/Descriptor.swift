import Glibc
import SystemPackage

/// The descriptor of a VMDK: text that gives the kind of the disk, and the files that hold its ranges.
///
/// The format is in VMware's technical note "Virtual Disk Format 5.0", section "The Descriptor File".
struct Descriptor: Sendable {
  /// The kind of the disk as written, for example `monolithicSparse`.
  let createType: String
  /// The content ID, which changes each time the disk is opened and written to; `nil` if there is none.
  let cid: UInt32?
  /// The content ID of the parent; `noParent` if this is not a snapshot.
  let parentCID: UInt32
  /// The file name of the parent when the snapshot was made.
  let parentFileNameHint: [UInt8]?
  /// The encoding of the names, as written; `nil` if none is declared.
  let encoding: String?
  /// In disk order. Never empty.
  let extents: [DescriptorExtent]
  /// All settings except the disk database, as written and in order.
  let settings: [DescriptorSetting]
  /// The disk database, in order: `ddb.adapterType` and so on.
  let database: [DescriptorSetting]
  /// Problems that do not prevent reading, one line each, in the form `PATH: message`.
  let warnings: [String]

  static let noParent: UInt32 = 0xffff_ffff

  /// Where the text of a descriptor was found.
  enum Home {
    /// In a file of its own. Only the text itself can show that this is a descriptor.
    case ownFile
    /// Embedded in an extent. The header of the extent already proves that this is a VMDK.
    case extent
  }

  /// Parses the text of a descriptor.
  ///
  /// Products write different first lines, and other programs edit descriptors. Therefore only the lines that describe
  /// what the disk consists of are required. An unknown line gives a warning. If a key is repeated, the first one
  /// counts. But a line that looks like an extent must be a valid one: if it were ignored, all following extents would
  /// be at the wrong offset of the disk.
  /// - Parameters:
  ///   - text: the bytes. The text ends at the first NUL. Writers leave arbitrary bytes after it when they pad the
  ///     descriptor (qemu-img does so even in a separate file).
  ///   - home: where the text was found.
  ///   - path: the file that it is in, for messages.
  /// - Throws: `DiskError`, with `EINVAL` and the line number if a line is invalid.
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

  /// Whether the space for the descriptor is empty. If a disk has several extents, the descriptor is in a separate
  /// file.
  static func isEmpty(_ text: [UInt8]) -> Bool {
    used(text).allSatisfy { isSpace($0) || $0 == UInt8(ascii: "\n") }
  }

  /// The text without the UTF-8 byte order mark, which Windows editors add.
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
    // `UInt32.init` accepts a plus sign.
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

/// Whether a line is the comment that identifies a descriptor. Products write it differently: `# Disk DescriptorFile`,
/// `#Disk Descriptor File`, `# Description file created by VMDK stream converter`.
private func isSignature(_ line: ArraySlice<UInt8>) -> Bool {
  let letters = lowercased(line.filter { !isSpace($0) })
  return letters.starts(with: "#diskdescriptorfile".utf8) || letters.starts(with: "#descriptionfile".utf8)
}
