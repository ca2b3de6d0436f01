import BlockMap
import DiskImage
import Glibc
import SystemPackage

/// An image of a format that is read through qemu-nbd: open, so that what was looked at is what is served.
final class ForeignImage: Sendable {
  let source: DiskSource
  let path: FilePath
  let format: ImageFormat
  let file: FileDescriptor
  private let allowsExternal: Bool
  private let isDevice: Bool

  /// Opens it, and looks for what else it would have opened.
  init(
    _ source: DiskSource, at path: FilePath, format: ImageFormat, allowsExternal: Bool
  ) throws {
    self.source = source
    self.path = path
    self.format = format
    self.allowsExternal = allowsExternal
    file = FileDescriptor(rawValue: try openImage(path))
    var status = stat()
    isDevice = fstat(file.rawValue, &status) == 0 && status.st_mode & S_IFMT == S_IFBLK
    let descriptor = file
    func bytes(at offset: UInt64, count: Int) -> [UInt8] {
      guard let offset = Int64(exactly: offset) else { return [] }
      var bytes = [UInt8](repeating: 0, count: count)
      let found = bytes.withUnsafeMutableBytes { (try? descriptor.read(fromAbsoluteOffset: offset, into: $0)) ?? 0 }
      return Array(bytes[..<found])
    }
    let references = ImageReferences.find(
      inHeader: bytes(at: 0, count: ImageReferences.headerSize), bytes: bytes(at:count:))
    if let references, !allowsExternal || references == .ignoredParent {
      throw MapperError.source(source.name, references.explanation)
    }
  }

  deinit { try? file.close() }

  /// How qemu-nbd is told to open its standard input, which is this file, and nothing else; see "blockdev" in qemu(1).
  /// Where it may open other files, these are found from the image's own name.
  var arguments: [[UInt8]] {
    guard !allowsExternal else { return [Array("--format=\(format.rawValue)".utf8), absolutePath] }
    // Looked for above; this is for what is not known here.
    let backing = [.qcow2, .qcow, .qed].contains(format) ? #""backing":null,"# : ""
    let driver = isDevice ? "host_device" : "file"
    let options =
      #"json:{"driver":"\#(format.rawValue)",\#(backing)"file":{"driver":"\#(driver)","filename":"/dev/stdin"}}"#
    return [Array(options.utf8)]
  }

  /// With a slash at its start, so that no part of it is taken for a protocol.
  private var absolutePath: [UInt8] {
    let absolute = path.withPlatformString { realpath($0, nil) }
    defer { free(absolute) }
    return absolute.map { FilePath(platformString: $0).bytes } ?? path.bytes
  }
}
