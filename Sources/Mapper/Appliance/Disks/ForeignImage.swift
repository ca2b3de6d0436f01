import BlockMap
import BlockStack
import DiskImage
import Glibc
import SystemPackage

/// An image of a format that is read through qemu-nbd: open, so that what was looked at is what is served.
package final class ForeignImage: Sendable {
  package let source: DiskSource
  package let path: FilePath
  package let format: ImageFormat
  package let file: FileDescriptor
  /// What it says of its disk's sectors.
  package let sectorSize: SectorSize?
  /// The keys to try, in order; nil for an image that is not encrypted. Not empty.
  package let keys: [[UInt8]]?
  private let encryption: ImageEncryption?
  private let allowsExternal: Bool
  private let isDevice: Bool

  /// Opens it, and looks for what else it would have opened.
  /// - Parameter keys: of which those are tried that name the image, or all.
  package init(
    _ source: DiskSource, at path: FilePath, format: ImageFormat, allowsExternal: Bool, keys: [DeviceKey]
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
    sectorSize = VHDXMetadata.sectorSize(bytes: bytes(at:count:))
    let header = bytes(at: 0, count: ImageReferences.headerSize)
    encryption = ImageEncryption(inHeader: header)
    self.keys = encryption == nil ? nil : DeviceKey.passphrases(in: keys, of: path, named: source.name)
    let references = ImageReferences.find(inHeader: header, bytes: bytes(at:count:))
    if let references, !allowsExternal || references == .ignoredParent {
      throw MapperError.source(source.name, references.explanation)
    }
    if let encryption, self.keys?.isEmpty == true {
      let name = Escaping.text(source.name, as: .path)
      throw MapperError.source(
        source.name,
        "it is encrypted (\(encryption.name)): give its key, --key \(name):file:FILE or --key all:file:FILE")
    }
  }

  deinit { try? file.close() }

  /// How qemu-nbd is told to open its standard input, which is this file, and nothing else; see "blockdev" in qemu(1).
  /// Where it may open other files, these are found from the image's own name.
  /// - Parameter keyFile: where the key is, of an encrypted image. On the command line everybody would see it.
  package func arguments(keyFile: FilePath?) throws(MapperError) -> [[UInt8]] {
    guard let encryption, let keyFile else {
      guard !allowsExternal else { return [Array("--format=\(format.rawValue)".utf8), absolutePath] }
      return [Array(options(encryption: "", file: isDevice ? "host_device" : "file", "/dev/stdin").utf8)]
    }
    // In the option a comma is written twice.
    let secret = Array("--object=secret,id=key,file=".utf8) + keyFile.bytes.flatMap { $0 == 0x2c ? [$0, $0] : [$0] }
    let unlocking = #""encrypt":{"format":"\#(encryption.rawValue)","key-secret":"key"},"#
    var named = "/dev/stdin"
    if allowsExternal {
      guard let path = String(validating: absolutePath, as: UTF8.self), path.utf8.allSatisfy({ $0 >= 0x20 }) else {
        throw .source(
          source.name, "an encrypted image with other files needs a name that is text, without control characters")
      }
      named = path.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
    }
    return [secret, Array(options(encryption: unlocking, file: isDevice ? "host_device" : "file", named).utf8)]
  }

  private func options(encryption: String, file driver: String, _ name: String) -> String {
    // Looked for above; this is for what is not known here.
    let backing = !allowsExternal && [.qcow2, .qcow, .qed].contains(format) ? #""backing":null,"# : ""
    let file = #""file":{"driver":"\#(driver)","filename":"\#(name)"}"#
    return #"json:{"driver":"\#(format.rawValue)",\#(backing)\#(encryption)\#(file)}"#
  }

  /// With a slash at its start, so that no part of it is taken for a protocol.
  private var absolutePath: [UInt8] {
    let absolute = path.withPlatformString { realpath($0, nil) }
    defer { free(absolute) }
    return absolute.map { FilePath(platformString: $0).bytes } ?? path.bytes
  }
}
