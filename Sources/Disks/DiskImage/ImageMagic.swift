/// The format that a file appears to have, judged by the magic bytes at its start or end.
///
/// For a raw disk this proves nothing: a guest can write these bytes itself, and must not be able to turn its disk into
/// an image that names files of the host. The result is therefore only used to warn the user. It never changes how the
/// disk is read.
public struct ImageMagic: Equatable, Sendable {
  /// The name that qemu-img uses, for example `qcow2`.
  public let format: String
  /// Whether the magic was found at the end of the file, not at its start.
  public let isAtEnd: Bool

  /// How many bytes are examined at each end of the file.
  static let bytes = 512

  /// - Parameters:
  ///   - start: the first `bytes` bytes of the file, or all of them if it is shorter.
  ///   - end: the last `bytes` bytes, likewise.
  /// - Returns: `nil` if no magic is found.
  init?(start: [UInt8], end: [UInt8]) {
    if let format = Self.atStart.first(where: { $0.isFound(in: start) })?.format {
      self.format = format
      isAtEnd = false
    } else if let format = Self.atEnd.first(where: { $0.isFound(in: end) })?.format {
      self.format = format
      isAtEnd = true
    } else {
      return nil
    }
  }

  /// The predicate of a sentence whose subject is the file.
  public var explanation: String {
    "\(isAtEnd ? "ends" : "begins") like a \(format) image, but is read as a raw disk, as its name says"
  }

  private struct Magic {
    let format: String
    var offset = 0
    let bytes: [UInt8]

    init(_ format: String, _ text: String, at offset: Int = 0) {
      self.init(format, Array(text.utf8), at: offset)
    }

    init(_ format: String, _ bytes: [UInt8], at offset: Int = 0) {
      self.format = format
      self.bytes = bytes
      self.offset = offset
    }

    func isFound(in start: [UInt8]) -> Bool { start.dropFirst(offset).starts(with: bytes) }
  }

  private static let atStart = [
    Magic("qcow", [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 1]),
    Magic("qcow2", [0x51, 0x46, 0x49, 0xfb]),
    Magic("qed", [0x51, 0x45, 0x44, 0]),
    Magic("vmdk", "KDMV"),
    Magic("vmdk", "COWD"),
    Magic("vmdk", [0xbe, 0xba, 0xfe, 0xca, 0, 0, 0, 0]),
    Magic("vmdk", "# Disk DescriptorFile"),
    Magic("vdi", [0x7f, 0x10, 0xda, 0xbe], at: 0x40),
    Magic("vhdx", "vhdxfile"),
    // All types but fixed disks start with a copy of the footer.
    Magic("vpc", "conectix"),
    Magic("parallels", "WithoutFreeSpace"),
    Magic("parallels", "WithouFreSpacExt"),
    Magic("bochs", "Bochs Virtual HD Image"),
    Magic("cloop", "#!/bin/sh\n#V2.0 Format"),
  ]

  private static let atEnd = [Magic("vpc", "conectix"), Magic("dmg", "koly")]
}

extension ImageMagic {
  /// Examines the file of a raw disk. `nil` if the file cannot be read; a later read reports the error.
  init?(of file: HostFile) {
    let count = Int(min(UInt64(Self.bytes), file.length))
    guard let start = try? file.bytes(at: 0, count: count),
      let end = try? file.bytes(at: file.length - UInt64(count), count: count)
    else { return nil }
    self.init(start: start, end: end)
  }
}
