import CLinux
import Glibc
import WalkRecord

/// Where NTFS has the bytes of small files: in their records of the file table, `$MFT`.
///
/// ntfs-3g gives the table as a file, and a file's number in it as its inode's; it does not say where in the record the
/// bytes are. That is in the record: "NTFS Documentation" of the Linux-NTFS project, "FILE Record" and "Attribute
/// Header". The last two bytes of each sector of a record are kept in an array at its beginning ("Fixup"), and so are
/// those of a file that happen to be there.
struct ResidentData {
  private struct File {
    var object: Record.ObjectID
    var record: UInt64
  }

  /// A part of a record, in bytes from the record's beginning, and where in the file it belongs.
  struct Part: Equatable {
    var place: Int
    var length: Int
    var offset: Int
  }

  private static let sector = 512
  private static let recordSizes = 512...4096
  /// A file that is larger is in no record.
  static let mostBytes = 4096

  private var files: [File] = []

  mutating func add(_ object: Record.ObjectID, record: UInt64) { files.append(File(object: object, record: record)) }

  /// Calls `body` with an object, an offset in it, and the place on the device of so many of its bytes.
  /// - Parameter directory: where the filesystem is mounted.
  func forEach(
    on directory: String, _ body: (Record.ObjectID, UInt64, Range<UInt64>) throws(WalkError) -> Void
  ) throws(WalkError) {
    guard !files.isEmpty else { return }
    let table = clinux_openat(AT_FDCWD, directory + "/$MFT", O_RDONLY | O_NOFOLLOW, 0)
    guard table >= 0 else { return }
    defer { close(table) }
    let block = UInt64(max(0, clinux_block_size(table)))
    var bytes = [UInt8](repeating: 0, count: Self.sector)
    guard block > 0, read(table, &bytes, at: 0), let size = Self.double(bytes, 28), Self.recordSizes.contains(size),
      size % Self.sector == 0
    else { return }
    bytes = [UInt8](repeating: 0, count: size)
    var known: (number: UInt64, place: UInt64)?
    for file in files.sorted(by: { $0.record < $1.record }) {
      let (start, overflow) = file.record.multipliedReportingOverflow(by: UInt64(size))
      guard !overflow, start < 1 << 62, read(table, &bytes, at: start) else { continue }
      for part in Self.parts(of: bytes) {
        var position = start + UInt64(part.place)
        let end = position + UInt64(part.length)
        var offset = UInt64(part.offset)
        while position < end {
          let number = position / block
          if known?.number != number {
            let found = clinux_fibmap(table, number)
            guard found > 0 else { break }
            known = (number, UInt64(found))
          }
          guard let known else { break }
          let next = min(end, (number + 1) * block)
          let place = known.place.multipliedReportingOverflow(by: block)
          guard !place.overflow, place.partialValue < 1 << 62 else { break }
          let physical = place.partialValue + position % block
          try body(file.object, offset, physical..<physical + (next - position))
          offset += next - position
          position = next
        }
      }
    }
  }

  private func read(_ table: Int32, _ bytes: inout [UInt8], at offset: UInt64) -> Bool {
    let count = bytes.count
    return bytes.withUnsafeMutableBytes { pread(table, $0.baseAddress, count, off_t(offset)) } == count
  }

  private static func word(_ bytes: [UInt8], _ place: Int) -> Int? {
    guard place >= 0, place + 2 <= bytes.count else { return nil }
    return Int(bytes[place]) | Int(bytes[place + 1]) << 8
  }

  private static func double(_ bytes: [UInt8], _ place: Int) -> Int? {
    guard let low = word(bytes, place), let high = word(bytes, place + 2) else { return nil }
    return low | high << 16
  }

  /// The parts of the unnamed data attribute of a record; empty where it is not in the record.
  static func parts(of raw: [UInt8]) -> [Part] {
    guard raw.starts(with: Array("FILE".utf8)), let array = word(raw, 4), let count = word(raw, 6), count > 0,
      array + 2 * count <= raw.count, (count - 1) * sector <= raw.count, var place = word(raw, 20)
    else { return [] }
    var bytes = raw
    for number in 1..<max(count, 1) {
      for byte in 0..<2 { bytes[number * sector - 2 + byte] = raw[array + 2 * number + byte] }
    }
    while let type = double(bytes, place), type != 0xffff_ffff, let length = double(bytes, place + 4), length >= 24 {
      guard type == 0x80, place + 24 <= bytes.count, bytes[place + 8] == 0, bytes[place + 9] == 0 else {
        place += length
        continue
      }
      guard let size = double(bytes, place + 16), let value = word(bytes, place + 20), value + size <= length,
        place + length <= bytes.count
      else { return [] }
      return split(place + value..<place + value + size, array: array, count: count)
    }
    return []
  }

  /// A range of a record, with what is kept in the array of fixups in its place there.
  private static func split(_ range: Range<Int>, array: Int, count: Int) -> [Part] {
    var parts: [Part] = []
    func add(_ place: Int, _ length: Int, at position: Int) {
      if length > 0 { parts.append(Part(place: place, length: length, offset: position - range.lowerBound)) }
    }
    var position = range.lowerBound
    for number in 1..<max(count, 1) {
      let fixed = number * sector - 2..<number * sector
      guard fixed.overlaps(range) else { continue }
      let common = fixed.clamped(to: range)
      add(position, common.lowerBound - position, at: position)
      add(array + 2 * number + common.lowerBound - fixed.lowerBound, common.count, at: common.lowerBound)
      position = common.upperBound
    }
    add(position, range.upperBound - position, at: position)
    return parts
  }
}
