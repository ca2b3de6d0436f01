import DiskImage
import Glibc
import SystemPackage

@testable import DiskOverlay

extension ParserFuzzer {
  /// A persistent overlay file: its header and its bitmap. In the first byte, bit 0 says whether the header is
  /// repaired, so that the code after that check is reached, and bit 1 whether the file ends with the input.
  static let overlay = ParserFuzzer("overlay") { bytes in
    guard let first = bytes.first, let bench = OverlayBench.shared else { return }
    var file = Array(bytes.dropFirst())
    _ = OverlayHeader(Array(file.prefix(OverlayHeader.size)))
    if first & 1 != 0 { repair(&file, bench.header) }
    // Otherwise the file has the length that its header implies, up to 16 MiB, most of which is a hole.
    let length = OverlayHeader(Array(file.prefix(OverlayHeader.size))).map { Int(clamping: $0.fileSize) } ?? file.count
    try bench.write(file, length: first & 2 != 0 || length > 1 << 24 ? file.count : length)
    guard let kept = try? OverlayDisk.persistent(bench.file, over: bench.disk.disk, bench.header) else { return }
    try bench.exercise(kept.disk, seed: first)
  }

  private static func repair(_ file: inout [UInt8], _ header: OverlayHeader) {
    if file.count < OverlayHeader.size { file += Array(repeating: 0, count: OverlayHeader.size - file.count) }
    file.replaceSubrange(0..<OverlayHeader.size, with: header.bytes)
  }

  /// A VMDK snapshot that is reopened as an overlay. In the first byte, bit 0 says whether the magic number and the
  /// size are repaired; the upper four bits are how many grains follow the input.
  static let snapshot = ParserFuzzer("snapshot") { bytes in
    guard let first = bytes.first, let bench = OverlayBench.shared else { return }
    var file = Array(bytes.dropFirst())
    if first & 1 != 0 {
      if file.count < 512 { file += Array(repeating: 0, count: 512 - file.count) }
      file.replaceSubrange(0..<8, with: Array("KDMV".utf8) + [1, 0, 0, 0])
      file.replaceSubrange(
        12..<20, with: (0..<8).map { UInt8(truncatingIfNeeded: bench.disk.disk.size >> (9 + 8 * $0)) })
      file.replaceSubrange(73..<77, with: [0x0a, 0x20, 0x0d, 0x0a])
    }
    // Grains have 64 KiB and need not be in the input.
    try bench.write(file, length: file.count + Int(first >> 4) << 16)
    guard let kept = try? VMDKOverlay.persistent(bench.file, over: bench.disk.disk, bench.parent) else { return }
    try bench.exercise(kept.disk, seed: first)
  }
}

/// A small disk, and the file of an overlay on top of it, in memory. There is one for the whole process, which has
/// one thread.
private final class OverlayBench: Sendable {
  static let shared = try? OverlayBench()

  let disk: OpenedDisk
  /// Identifies the disk. Computing its digest takes as long as the rest of a run.
  let header: OverlayHeader
  let parent: SnapshotParent
  /// The overlay file, of either type.
  let file: FilePath

  private static let size = 192 << 10

  init() throws {
    let temporary = getenv("TMPDIR").map { String(cString: $0) } ?? "/dev/shm"
    var template = Array("\(temporary)/fuzz-overlay-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    let directory = FilePath(platformString: template)
    let descriptor = """
      # Disk DescriptorFile
      version=1
      CID=12345678
      parentCID=ffffffff
      createType="monolithicFlat"
      RW \(Self.size / 512) FLAT "base-flat.vmdk" 0

      """
    try Self.write(Array(descriptor.utf8), to: directory.appending("base.vmdk"))
    try Self.write(
      (0..<Self.size).map { UInt8(truncatingIfNeeded: $0 / 512 &* 7) }, to: directory.appending("base-flat.vmdk"))
    disk = try openDisk(at: directory.appending("base.vmdk"), format: .vmdk)
    header = OverlayHeader(
      diskSize: disk.disk.size, changed: 0, identity: try BaseIdentity.digest(of: disk.disk))
    file = directory.appending("overlay.vmdk")
    parent = try SnapshotParent(disk.disk, chain: disk.chain, files: [], overlay: file)
  }

  func write(_ bytes: [UInt8], length: Int) throws {
    try Self.write(bytes, to: file)
    guard truncate(file.string, off_t(length)) == 0 else { throw Errno(rawValue: errno) }
  }

  private static func write(_ bytes: [UInt8], to path: FilePath) throws {
    let descriptor = try FileDescriptor.open(
      path, .readWrite, options: [.create, .truncate], permissions: .ownerReadWrite)
    defer { try? descriptor.close() }
    _ = try descriptor.writeAll(bytes)
  }

  /// Reads the overlay, writes to it and checks that the written data can be read, whatever else is damaged.
  func exercise(_ overlay: any Overlay, seed: UInt8) throws {
    defer { try? overlay.close() }
    try check(overlay.size == UInt64(Self.size), "the overlay has \(overlay.size) bytes")
    overlay.forEachWrittenRange { _ in }
    try checkExtents(of: overlay)
    var all = [UInt8](repeating: 0, count: Self.size)
    try? all.withUnsafeMutableBytes { try overlay.read(into: $0, at: 0) }
    let offset = UInt64(seed) * 256
    let written: [UInt8] = Array(repeating: seed | 1, count: 1000)
    do {
      try written.withUnsafeBytes { try overlay.write($0, at: offset) }
      try overlay.zero(offset + 1000..<offset + 70_000)
      try overlay.flush()
    } catch {
      return
    }
    // memcmp is not instrumented: comparing each byte in Swift would take longer than the rest of the run.
    let expected = written + [UInt8](repeating: 0, count: 69_000)
    var found = [UInt8](repeating: 1, count: expected.count)
    try found.withUnsafeMutableBytes { try overlay.read(into: $0, at: offset) }
    try check(memcmp(found, expected, 1000) == 0, "what was written is not there")
    try check(memcmp(found, expected, expected.count) == 0, "what was zeroed is not zeros")
  }

  private func checkExtents(of overlay: any Overlay) throws {
    var position: UInt64 = 0
    var gap: UInt64?
    do {
      try overlay.extents(in: 0..<overlay.size) { (extent) throws(DiskError) -> Bool in
        if extent.range.lowerBound != position { gap = position }
        position = extent.range.upperBound
        return true
      }
    } catch { return }
    try check(gap == nil && position == overlay.size, "extents have a gap at \(gap ?? position)")
  }
}
