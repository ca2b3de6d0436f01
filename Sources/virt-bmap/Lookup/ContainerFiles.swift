import Appliance
import ArgumentParser
import BlockMap
import DiskImage
import SystemPackage

/// A byte of one of an image's own files.
struct ContainerByte: Sendable {
  let file: FilePath
  /// In bytes from the start of the file.
  let offset: UInt64
  /// The question as the user wrote it, for people.
  let description: String

  /// - Parameter text: `FILE:OFFSET`.
  init(_ text: String) throws {
    let bytes = ArgumentBytes.decode(text)
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")), colon > 0,
      let offset = ByteCount(String(decoding: bytes[(colon + 1)...], as: UTF8.self))?.value
    else { throw ValidationError("--container \(text): give FILE:OFFSET") }
    file = FilePath(bytes: bytes[..<colon])
    self.offset = offset
    description = Escaping.text(bytes, as: .path)
  }
}

/// Where a range of a disk is in the files of its image.
struct StoredRange {
  enum State: String {
    case stored, compressed, zero, hole, unreadable
  }

  /// In bytes of the disk.
  var range: Range<UInt64>
  var state: State
  /// Nil if the range is not stored.
  var file: FilePath?
  /// Where the range, or the compressed grain that holds it, begins in the file, in bytes.
  var offset: UInt64 = 0

  init(_ location: DiskLocation) {
    range = location.range
    switch location.storage {
    case .file(let file, let offset): (state, self.file, self.offset) = (.stored, file, offset)
    case .compressed(let file, let bytes, _): (state, self.file, offset) = (.compressed, file, bytes.lowerBound)
    case .zero: state = .zero
    case .hole: state = .hole
    case .unreadable: state = .unreadable
    }
  }
}

/// The files that a map's disks consist of. A disk is opened when it is first asked about.
final class ContainerFiles {
  private let map: BlockMap
  private let mapPath: FilePath
  private let disk: DiskSource?
  private let options: OpenOptions
  private var opened: [Int: OpenedDisk] = [:]

  /// - Parameters:
  ///   - path: where the map is; the images are looked for relative to it.
  ///   - disk: the disk that the user gave instead of a map.
  init(_ map: BlockMap, at path: FilePath, disk: DiskSource?, options: OpenOptions) {
    self.map = map
    mapPath = path
    self.disk = disk
    self.options = options
  }

  deinit { for disk in opened.values { disk.disk.close() } }

  /// Calls `body` with where each part of a range is stored, in order. The range is cut to the size of the disk.
  /// - Throws: `DiskError` or `LookupError`, and what `body` throws.
  func forEachPart(of range: Range<UInt64>, ofDisk number: Int, _ body: (StoredRange) throws -> Void) throws {
    let disk = try open(number).disk
    var failure: (any Error)?
    try disk.locations(in: range.clamped(to: 0..<disk.size)) { location in
      do {
        try body(StoredRange(location))
        return true
      } catch {
        failure = error
        return false
      }
    }
    if let failure { throw failure }
  }

  /// What a byte of one of the files holds.
  /// - Returns: the part, and the number of the disk.
  /// - Throws: `DiskError` or `LookupError`.
  func part(_ byte: ContainerByte) throws -> (part: FilePart, disk: Int) {
    var failure: (any Error)?
    for number in 1...max(1, map.disks.count) {
      do {
        if let part = try open(number).part(of: byte.file, at: byte.offset) { return (part, number) }
      } catch let error as DiskError {
        throw error
      } catch {
        // The file may belong to another disk.
        failure = failure ?? error
      }
    }
    throw failure ?? LookupError("\(byte.description): this is not a file of the map's disks")
  }

  private func open(_ number: Int) throws -> OpenedDisk {
    if let found = opened[number] { return found }
    let (path, format) = try source(number)
    guard let native = DiskFormat(rawValue: format.rawValue) else {
      let name = Escaping.text(path.bytes, as: .path)
      throw LookupError("\(name): --container needs a raw disk or a VMDK, and this is \(format.rawValue)")
    }
    let disk = try openDisk(at: path, format: native, options: options)
    if let size = map.size(ofDisk: number), size != disk.disk.size {
      let name = Escaping.text(path.bytes, as: .path)
      disk.disk.close()
      throw LookupError("\(name): this is not the disk of the map, which has \(size) bytes")
    }
    opened[number] = disk
    return disk
  }

  /// The image of a disk: the one that the user gave, or the one that the map was made from.
  private func source(_ number: Int) throws -> (FilePath, ImageFormat) {
    if case .file(let path) = disk?.location, number == 1 {
      return (path, disk?.format ?? ImageFormat.guess(fromName: path))
    }
    guard map.disks.indices.contains(number - 1), !map.disks[number - 1].file.isEmpty else {
      throw LookupError("the map does not say which image disk \(number) is: give the disk instead of the map")
    }
    let described = map.disks[number - 1]
    let path = FilePath(bytes: described.file)
    let beside = mapPath.removingLastComponent().appending(path.components)
    let format = ImageFormat(rawValue: String(decoding: described.format, as: UTF8.self))
    // The map has the name as it was given, and may have been moved together with the image.
    return (
      path.isAbsolute || FileIdentity(of: path) != nil ? path : beside, format ?? ImageFormat.guess(fromName: path)
    )
  }
}
