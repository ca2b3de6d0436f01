import DiskImage
import Glibc
import NBDKit
import Synchronization
import SystemPackage

/// Takes what the appliance writes, so that the guest's disk stays unchanged: to mount a filesystem read-only, a kernel
/// may replay its journal.
///
/// The recorder does this itself, because an overlay above it would answer some reads, which would then not be
/// recorded. The blocks go to an unnamed file in the order of their first write, so that the size of the file depends
/// on how much was written, and not on the size of the disk. Takes about 40 bytes of memory per block.
final class WriteOverlay: Sendable {
  private struct State {
    /// Where each written block of the disk is in the file, counted in blocks.
    var slots: [UInt64: UInt64] = [:]
    var file: FileDescriptor?
  }

  private static let blockSize: UInt64 = 4096
  /// 8 GiB: more than the journals of a guest's filesystems, each of which is written once. An appliance that keeps
  /// writing must not fill the host's disk.
  private static let maximumBlocks = 2 << 20
  private let disk: any VirtualDisk
  private let state = Mutex(State())

  init(over disk: any VirtualDisk) { self.disk = disk }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    try disk.read(into: buffer, at: offset)
    try state.withLock { state in
      guard let file = state.file else { return }
      for part in Self.parts(of: buffer.count, at: offset) {
        guard let slot = state.slots[part.block] else { continue }
        try Self.transfer(UnsafeMutableRawBufferPointer(rebasing: buffer[part.inBuffer])) { rest, done in
          try file.read(fromAbsoluteOffset: Self.position(slot, part.inBlock, done), into: rest)
        }
      }
    }
  }

  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws {
    try state.withLock { state in
      let file = try state.file ?? Self.namelessFile()
      state.file = file
      for part in Self.parts(of: buffer.count, at: offset) {
        let slot = try state.slots[part.block] ?? addBlock(part.block, file: file, count: state.slots.count)
        state.slots[part.block] = slot
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[part.inBuffer])
        try file.writeAll(toAbsoluteOffset: Self.position(slot, part.inBlock, 0), bytes)
      }
    }
  }

  /// Adds a block of the disk to the file, with the content that it has on the disk.
  private func addBlock(_ block: UInt64, file: FileDescriptor, count: Int) throws -> UInt64 {
    guard count < Self.maximumBlocks else {
      throw PluginError(errno: .noSpace, "the appliance writes more than \(Self.maximumBlocks) blocks")
    }
    let start = block * Self.blockSize
    var content = [UInt8](repeating: 0, count: Int(Self.blockSize))
    try content.withUnsafeMutableBytes { bytes in
      let count = Int(min(Self.blockSize, disk.size - start))
      try disk.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]), at: start)
    }
    try file.writeAll(toAbsoluteOffset: Self.position(UInt64(count), 0, 0), content)
    return UInt64(count)
  }

  private static func position(_ slot: UInt64, _ inBlock: Int, _ done: Int) -> Int64 {
    Int64(slot * blockSize) + Int64(inBlock + done)
  }

  private struct Part {
    var block: UInt64
    var inBlock: Int
    var inBuffer: Range<Int>
  }

  /// Splits a request at block boundaries. nbdkit has checked it against the size of the disk.
  private static func parts(of count: Int, at offset: UInt64) -> some Sequence<Part> {
    sequence(state: 0) { done -> Part? in
      guard done < count else { return nil }
      let position = offset + UInt64(done)
      let inBlock = Int(position % blockSize)
      let length = min(Int(blockSize) - inBlock, count - done)
      defer { done += length }
      return Part(block: position / blockSize, inBlock: inBlock, inBuffer: done..<done + length)
    }
  }

  private static func transfer(
    _ buffer: UnsafeMutableRawBufferPointer, _ body: (UnsafeMutableRawBufferPointer, Int) throws -> Int
  ) throws {
    var done = 0
    while done < buffer.count {
      let count = try body(UnsafeMutableRawBufferPointer(rebasing: buffer[done...]), done)
      guard count > 0 else { throw PluginError(errno: .inputOutput, "what the appliance wrote is gone") }
      done += count
    }
  }

  private static func namelessFile() throws -> FileDescriptor {
    let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
    var name = Array("\(directory)/virt-bmap-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    guard descriptor >= 0 else {
      throw PluginError(errno: .noSpace, "\(directory): no temporary file: \(String(cString: strerror(errno)))")
    }
    unlink(&name)
    return FileDescriptor(rawValue: descriptor)
  }
}
