/// Repairs what mutations break most often, so that the code after these checks is reached.
enum Repair {
  /// - Parameter kind: the type of the file; nil to detect it from the first byte.
  static func repair(_ file: inout [UInt8], as kind: FuzzInput.Kind?) {
    switch kind {
    case .hosted: hosted(&file, compressed: false)
    case .streamOptimized: hosted(&file, compressed: true)
    case .cowd: cowd(&file)
    case .seSparse: seSparse(&file)
    case .files: descriptor(&file)
    case .grain: break
    case nil:
      switch file.first {
      case UInt8(ascii: "K"): hosted(&file, compressed: file.count > 77 && file[77] == 1)
      case UInt8(ascii: "C"): cowd(&file)
      case 0xbe: seSparse(&file)
      default: break
      }
    }
  }

  private static func hosted(_ file: inout [UInt8], compressed: Bool) {
    hostedHeader(&file, at: 0, compressed: compressed)
    // The footer, if the header says that there is one.
    if compressed, file.number(at: 56, width: 8) == .max, file.count >= 2048 {
      let footer = (file.count - 1024) / 512 * 512
      file.removeSubrange((footer + 1024)...)
      // Except for the offsets of the directories, the footer equals the header.
      let offsets = Array(file[footer + 48..<footer + 64])
      file.replaceSubrange(footer..<footer + 512, with: file[0..<512])
      file.replaceSubrange(footer + 48..<footer + 64, with: offsets)
    }
  }

  private static func hostedHeader(_ file: inout [UInt8], at start: Int, compressed: Bool) {
    pad(&file, to: start + 512)
    file.set(0x564d_444b, at: start, width: 4)
    if !(1...3).contains(file.number(at: start + 4, width: 4)) { file.set(1, at: start + 4, width: 4) }
    let flags = file.number(at: start + 8, width: 4)
    file.set(compressed ? flags | 0x1_0000 : flags & 0xffff, at: start + 8, width: 4)
    let grain = file.number(at: start + 20, width: 8)
    if grain.nonzeroBitCount != 1 || !(8...2048).contains(grain) { file.set(8, at: start + 20, width: 8) }
    file.replaceSubrange(start + 73..<start + 77, with: [0x0a, 0x20, 0x0d, 0x0a])
    file.set(compressed ? 1 : 0, at: start + 77, width: 2)
  }

  private static func cowd(_ file: inout [UInt8]) {
    pad(&file, to: 2048)
    file.set(0x4457_4f43, at: 0, width: 4)
    file.set(1, at: 4, width: 4)
    let grain = file.number(at: 16, width: 4)
    if grain.nonzeroBitCount != 1 || grain > 2048 { file.set(1, at: 16, width: 4) }
  }

  private static func seSparse(_ file: inout [UInt8]) {
    pad(&file, to: 512)
    file.set(0xcafe_babe, at: 0, width: 8)
    file.set(0x2_0000_0001, at: 8, width: 8)
    file.set(8, at: 24, width: 8)
    file.set(64, at: 32, width: 8)
    file.set(0, at: 40, width: 8)
    let volatileHeader = file.number(at: 80, width: 8)
    if volatileHeader > 0, volatileHeader < 1024 {
      pad(&file, to: Int(volatileHeader) * 512 + 512)
      file.set(0xcafe_cafe, at: Int(volatileHeader) * 512, width: 8)
    }
  }

  private static func descriptor(_ file: inout [UInt8]) {
    // The first file may also be an image with an embedded descriptor.
    if file.first == UInt8(ascii: "K") { return repair(&file, as: nil) }
    let start = Array("# Disk DescriptorFile\n".utf8)
    if !file.starts(with: start) { file.insert(contentsOf: start, at: 0) }
  }

  private static func pad(_ file: inout [UInt8], to count: Int) {
    if file.count < count { file += [UInt8](repeating: 0, count: count - file.count) }
  }
}

extension [UInt8] {
  /// Reads a little-endian number.
  func number(at offset: Int, width: Int) -> UInt64 {
    self[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func set(_ number: UInt64, at offset: Int, width: Int) {
    for index in 0..<width { self[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index))) }
  }
}
