import Appliance
import BlockMap
import DiskImage
import Glibc
import SystemPackage

/// Tells maps from disks, and finds the map of a disk.
enum MapOfDisk {
  /// Whether a file is a disk and not a map.
  ///
  /// A map is recognized by its first line. A file with the suffix `.bmap`, or a text that is no image by its name and
  /// has no whole sectors, is taken for a damaged map. A pipe can only be a map.
  /// - Parameter format: the format of the disk, if the user named it.
  /// - Throws: `MapError` if the file cannot be opened, or can be neither.
  static func isDisk(_ path: FilePath, format: ImageFormat?) throws(MapError) -> Bool {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0 else {
      throw .file(path, Errno(rawValue: errno).description)
    }
    switch status.st_mode & S_IFMT {
    case S_IFBLK: return true
    case S_IFREG:
      let start = start(of: path)
      guard !hasMapSuffix(path), !beginsLikeMap(start) else { return false }
      guard format == nil, ImageFormat.guess(fromName: path) == .raw else { return true }
      if status.st_size > 0, status.st_size % 512 == 0 { return true }
      guard start.allSatisfy({ (0x20..<0x7f).contains($0) || (0x09...0x0d).contains($0) }) else {
        throw .file(
          path, "not a map, and not a disk with whole sectors of 512 bytes: to read it as a disk, give -f raw")
      }
      return false
    default: return false
    }
  }

  private static func hasMapSuffix(_ path: FilePath) -> Bool {
    path.extension == "bmap" || path.lastComponent == "bmap"
  }

  /// Whether the first line is a map's header, or a range in the 2014 format: two numbers, and two hexadecimal ones.
  private static func beginsLikeMap(_ text: ArraySlice<UInt8>) -> Bool {
    if text.starts(with: "# virt-bmap ".utf8) { return true }
    let fields = text.split(separator: 0x20, maxSplits: 4, omittingEmptySubsequences: false)
    guard fields.count == 5, fields[3].count == 1 else { return false }
    return fields[..<3].allSatisfy { UInt64(String(decoding: $0, as: UTF8.self), radix: 16) != nil }
  }

  /// The first bytes of a file; none if it cannot be read.
  private static func start(of path: FilePath) -> ArraySlice<UInt8> {
    guard let file = try? FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking]) else { return [] }
    defer { try? file.close() }
    var start = [UInt8](repeating: 0, count: 64)
    let count = start.withUnsafeMutableBytes { (try? file.read(into: $0)) ?? 0 }
    return start[..<count]
  }

  /// A map that lies beside a disk, as `NAME.bmap` or with the suffix of the disk replaced, if it can be used instead
  /// of a new one: it is newer than all files of the disk, and describes a disk of this name and size.
  static func find(for source: DiskSource, at path: FilePath, options: OpenOptions) -> BlockMap? {
    find(for: [source], at: [path], options: options)?.map
  }

  /// The same for several disks, with a map beside the first one that describes all of them in this order.
  static func find(
    for sources: [DiskSource], at paths: [FilePath], options: OpenOptions
  ) -> (file: FilePath, map: BlockMap)? {
    let found = zip(sources, paths).map { try? examined($0, at: $1, options: options) }
    let disks = found.compactMap { $0 }
    guard let first = paths.first, disks.count == sources.count else { return nil }
    let files = disks.flatMap(\.files)
    for candidate in candidates(first) {
      guard let written = modified(candidate), files.allSatisfy({ modified($0).map { $0 < written } ?? false }),
        let map = try? BlockMap(contentsOf: candidate), map.disks.count == disks.count,
        zip(disks, map.disks).allSatisfy({ disk, described in disk.size.map { $0 == described.size } ?? true }),
        zip(paths, map.disks).allSatisfy({ $0.lastComponent == FilePath(bytes: $1.file).lastComponent })
      else { continue }
      return (candidate, map)
    }
    return nil
  }

  private static func candidates(_ path: FilePath) -> [FilePath] {
    var replaced = path
    replaced.extension = "bmap"
    return [replaced, FilePath(bytes: path.bytes + Array(".bmap".utf8))]
  }

  /// The files and the size of a disk. The size is nil for a format that only qemu reads.
  private static func examined(
    _ source: DiskSource, at path: FilePath, options: OpenOptions
  ) throws -> (files: [FilePath], size: UInt64?) {
    let format = source.format ?? ImageFormat.guess(fromName: path)
    guard let native = DiskFormat(rawValue: format.rawValue) else { return ([path], nil) }
    let opened = try openDisk(at: path, format: native, options: options)
    defer { opened.disk.close() }
    return (opened.files, opened.disk.size)
  }

  private static func modified(_ path: FilePath) -> FileTime? {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0 else { return nil }
    return FileTime(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
  }

  private struct FileTime: Comparable {
    var seconds: Int
    var nanoseconds: Int

    static func < (a: FileTime, b: FileTime) -> Bool { (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds) }
  }
}
