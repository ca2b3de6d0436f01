import BlockMap
import BlockStack
import DiskImage
import Glibc
import SystemPackage

/// An image of a format that is read through qemu-nbd. It stays open, so that qemu-nbd serves the same file that
/// was checked here.
package final class ForeignImage: Sendable {
  package let source: DiskSource
  package let path: FilePath
  package let format: ImageFormat
  package let file: FileDescriptor
  /// The sector size that the image declares. Only VHDX does.
  package let sectorSize: SectorSize?
  /// The keys to try, in order: never empty, or nil if the image is not encrypted.
  package let keys: [[UInt8]]?
  private let encryption: ImageEncryption?
  private let allowsExternal: Bool
  private let isDevice: Bool

  /// Opens the image and checks that it does not refer to other files, unless `allowsExternal` is set.
  /// - Parameter keys: all keys; those for this image, or for every device, are used.
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

  /// Returns the arguments that make qemu-nbd open its standard input, which is this file, and nothing else; see
  /// "blockdev" in qemu(1). If the image may refer to other files, it is opened by name instead, because qemu looks
  /// for those files relative to the image.
  /// - Parameter keyFile: the file with the key of an encrypted image. On the command line, every user could see
  ///   the key.
  package func arguments(keyFile: FilePath?) throws(MapperError) -> [[UInt8]] {
    guard let encryption, let keyFile else {
      guard !allowsExternal else { return [Array("--format=\(format.rawValue)".utf8), absolutePath] }
      return [Array(options(encryption: "", file: isDevice ? "host_device" : "file", "/dev/stdin").utf8)]
    }
    // Commas in the option are doubled.
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
    // `init` rejects images with a backing file. This is for references that `ImageReferences` misses.
    let backing = !allowsExternal && [.qcow2, .qcow, .qed].contains(format) ? #""backing":null,"# : ""
    let file = #""file":{"driver":"\#(driver)","filename":"\#(name)"}"#
    return #"json:{"driver":"\#(format.rawValue)",\#(backing)\#(encryption)\#(file)}"#
  }

  /// The absolute path. Because it starts with a slash, qemu does not take any part of it for a protocol.
  private var absolutePath: [UInt8] {
    let absolute = path.withPlatformString { realpath($0, nil) }
    defer { free(absolute) }
    return absolute.map { FilePath(platformString: $0).bytes } ?? path.bytes
  }
}
