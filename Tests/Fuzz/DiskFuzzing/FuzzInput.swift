import DiskImage

/// The disk that a fuzzer's input describes.
///
/// Byte 0 is the kind, byte 1 the options. Byte 2, modulo 64, is the size of the hole after the first file's bytes,
/// in units of 8 KiB. Byte 3 seeds the choice of the offsets that are read. The files follow.
struct FuzzInput {
  /// The kind of a disk: byte 0 modulo the number of kinds.
  enum Kind: UInt8, CaseIterable {
    /// One file, which is an extent.
    case hosted, streamOptimized, cowd, seSparse
    /// Three files; the first one is opened. The lengths of the first and the second come first, as two little-endian
    /// 16-bit numbers.
    case files
    /// A compressed grain in an otherwise valid image, see `GrainImage`.
    case grain
  }

  let kind: Kind
  let options: OpenOptions
  /// Whether magic numbers and the like are repaired, so that the code after these checks is reached.
  let isRepaired: Bool
  let seed: UInt8
  /// The bytes of each file.
  private(set) var files: [[UInt8]]
  /// The length of the first file. A hole follows its bytes.
  let length: Int

  /// - Returns: nil if the input is too short.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 4, let kind = Kind(rawValue: bytes[0] % UInt8(Kind.allCases.count)) else { return nil }
    self.kind = kind
    var options = OpenOptions()
    options.allowsExternal = bytes[1] & 1 != 0
    options.ignoresCID = bytes[1] & 2 != 0
    options.ignoresJournal = bytes[1] & 4 != 0
    self.options = options
    isRepaired = bytes[1] & 8 != 0
    seed = bytes[3]

    let payload = bytes[4...]
    switch kind {
    case .hosted, .streamOptimized, .cowd, .seSparse: files = [Array(payload)]
    case .files: files = FuzzInput.split(payload)
    case .grain: files = [GrainImage.bytes(around: payload)]
    }
    if isRepaired {
      for index in files.indices where kind != .grain { Repair.repair(&files[index], as: index == 0 ? kind : nil) }
    }
    if options.allowsExternal { for index in files.indices { FuzzInput.confine(&files[index]) } }
    length = files[0].count + Int(bytes[2] % 64) * 8192
  }

  private static func split(_ payload: Slice<UnsafeRawBufferPointer>) -> [[UInt8]] {
    let lengths = Array(payload.prefix(4))
    guard lengths.count == 4 else { return [Array(payload), [], []] }
    let rest = payload.dropFirst(4)
    let first = rest.prefix(Int(lengths[0]) | Int(lengths[1]) << 8)
    let others = rest.dropFirst(first.count)
    let second = others.prefix(Int(lengths[2]) | Int(lengths[3]) << 8)
    return [Array(first), Array(second), Array(others.dropFirst(second.count))]
  }

  /// Removes absolute paths from a file, so that a descriptor that may name any file cannot name a device of this
  /// machine: opening some devices has side effects.
  private static func confine(_ file: inout [UInt8]) {
    for index in file.indices where file[index] == UInt8(ascii: "/") {
      if index == 0 || file[index - 1] != UInt8(ascii: ".") { file[index] = UInt8(ascii: "_") }
    }
  }
}
