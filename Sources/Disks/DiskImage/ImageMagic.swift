/// The format that a file seems to be an image of, by the bytes that images of that format begin or end with.
///
/// For a raw disk this is no proof: its guest can write such bytes itself, and must not be able to turn its disk into an
/// image that names files of the host. So nothing is read otherwise for it, and only the user is told.
public struct ImageMagic: Equatable, Sendable {
  /// By qemu-img's name: `qcow2`.
  public let format: String
  /// Whether the image is told by its end.
  public let isAtEnd: Bool

  /// How far into a file it is looked at, in bytes.
  static let bytes = 512

  /// - Parameters:
  ///   - start: a file's first `bytes` bytes, fewer where it has no more.
  ///   - end: its last ones.
  /// - Returns: nil where they are those of no image.
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

  /// The beginning of a sentence about a file.
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
    // A copy of the footer, which all but fixed disks begin with.
    Magic("vpc", "conectix"),
    Magic("parallels", "WithoutFreeSpace"),
    Magic("parallels", "WithouFreSpacExt"),
    Magic("bochs", "Bochs Virtual HD Image"),
    Magic("cloop", "#!/bin/sh\n#V2.0 Format"),
  ]

  private static let atEnd = [Magic("vpc", "conectix"), Magic("dmg", "koly")]
}

extension ImageMagic {
  /// Looks at a raw disk's file. One that cannot be read is no image: reading it will tell what is wrong.
  init?(of file: HostFile) {
    let count = Int(min(UInt64(Self.bytes), file.length))
    guard let start = try? file.bytes(at: 0, count: count),
      let end = try? file.bytes(at: file.length - UInt64(count), count: count)
    else { return nil }
    self.init(start: start, end: end)
  }
}
