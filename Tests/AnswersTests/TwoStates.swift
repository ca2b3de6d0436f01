import Answers
import BlockMap
import DiskImage
import FoundationEssentials
import Glibc
import SystemPackage

/// A disk of 16 sectors in two states. Each sector holds one letter.
struct TwoStates {
  static let sector: UInt64 = 512

  /// The lines of the maps without `DISK`, `START` and `END`, each after the numbers of its first sector and of the one
  /// behind its last: `0-4 f /dev/sda1 /a`.
  var old: [String]
  var new: [String]
  var oldBytes: String
  var newBytes: String

  /// What changed in a range of sectors.
  /// - Parameter comparesBytes: whether the disks are at hand, or only the maps.
  func report(
    _ sectors: Range<UInt64> = 0..<16, comparesBytes: Bool = true, selection: ObjectSelection = ObjectSelection()
  ) throws -> ChangeReport {
    let directory = try TemporaryFiles()
    let maps = try [old, new].map { MapIndex(try BlockMap(contentsOf: try directory.write(Self.map($0)))) }
    let disks = try [oldBytes, newBytes].map { letters in
      let bytes = letters.utf8.flatMap { [UInt8](repeating: $0 == UInt8(ascii: ".") ? 0 : $0, count: Int(Self.sector)) }
      return try openDisk(at: try directory.write(bytes), format: .raw).disk
    }
    var classifier = try ChangeClassifier(
      old: maps[0], new: maps[1], bytes: comparesBytes ? StateBytes(old: disks[0], new: disks[1]) : nil,
      selection: selection)
    try classifier.add(sectors.lowerBound * Self.sector..<sectors.upperBound * Self.sector, disk: 1)
    return classifier.report
  }

  private static func map(_ lines: [String]) -> [UInt8] {
    let ranges = lines.map { line in
      let fields = line.split(separator: " ", maxSplits: 1)
      let ends = fields[0].split(separator: "-").map { String((UInt64($0) ?? 0) * sector, radix: 16) }
      return "1 \(ends[0]) \(ends[1]) \(fields[1])\n"
    }
    return Array(("# virt-bmap 2\n# disk 1 size=2000\n1 0 2000 v /dev/sda\n" + ranges.joined()).utf8)
  }
}

/// A directory that is removed with its files.
final class TemporaryFiles {
  private let path: String
  private var count = 0

  init() throws {
    var template = Array("/tmp/bmap-answers-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ bytes: [UInt8]) throws -> FilePath {
    count += 1
    let file = FilePath("\(path)/\(count)")
    let descriptor = try FileDescriptor.open(file, .writeOnly, options: [.create], permissions: .ownerReadWrite)
    try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
    return file
  }
}

extension ChangeReport {
  /// The categories with their numbers of sectors.
  var sectors: [String: UInt64] { Self.sectors(totals) }

  /// The files with their categories.
  var sectorsOfFiles: [String: [String: UInt64]] {
    Dictionary(uniqueKeysWithValues: files.map { (String(decoding: $0.path, as: UTF8.self), Self.sectors($0.totals)) })
  }

  private static func sectors(_ totals: ChangeTotals) -> [String: UInt64] {
    var result: [String: UInt64] = [:]
    for category in ChangeCategory.allCases where totals[category] > 0 {
      result[category.name] = totals[category] / TwoStates.sector
    }
    return result
  }
}
