import SystemPackage
import Testing

/// What the filesystems' own tools say about each sector in a list. Each function returns how many files were compared.
extension StoredVolume {
  /// debugfs, for ext2, ext3 and ext4.
  /// - Parameter names: objects that debugfs does not know all of.
  func compareExt(
    _ answer: AffectedAnswer, _ ranges: [Range<UInt64>], leavingOut names: Set<ObjectName> = []
  ) async throws -> Int {
    let debugfs = ExtTool(image: image)
    let said = try await tool("dumpe2fs", ["-h", image]).output.text
    let size = try #require(said.firstMatch(of: /Block size:\s+(\d+)/).flatMap { UInt64($0.1) })
    let sectors = sectors(in: ranges).keys
    let inodes = try await debugfs.owners(of: Set(sectors.map { $0 * 512 / size }).sorted())
    let paths = try await debugfs.names(of: Set(inodes.values))
    var owners: [UInt64: Set<String>] = [:]
    for sector in sectors {
      guard let inode = inodes[sector * 512 / size], let named = paths[inode] else { continue }
      owners[sector] = named.filter { !names.contains(ObjectName(device: device, path: Array($0.utf8))) }
    }
    return compare(answer.without(names), ranges, owners: owners, kinds: ["f", "d", "a", "m"])
  }

  /// xfs_db. Files that share blocks with another file are left out, because it names one owner of such a block.
  func compareXFS(_ answer: AffectedAnswer, _ ranges: [Range<UInt64>], in map: MapText) async throws -> Int {
    let lines = map.lines.filter { $0.kind == "f" && $0.device.text == device }
    let shared = Dictionary(grouping: lines) { $0.range }.values.filter { Set($0.map(\.path)).count > 1 }
    let sharing = Set(shared.flatMap { $0.map(\.path.text) })
    let sectors = sectors(in: ranges).keys
    let uses = try await XFSTool(image).uses(of: Set(sectors.map { $0 / 8 }).sorted())
    var owners: [UInt64: Set<String>] = [:]
    for sector in sectors {
      if let name = uses[sector / 8]?.name, !sharing.contains("/\(name)") { owners[sector] = ["/\(name)"] }
    }
    return compare(answer, ranges, owners: owners, kinds: ["f", "d", "a", "m"], unknown: sharing)
  }

  /// ntfscluster.
  /// - Parameter names: objects that have streams.
  func compareNTFS(
    _ answer: AffectedAnswer, _ ranges: [Range<UInt64>], leavingOut names: Set<ObjectName> = []
  ) async throws -> Int {
    let clusters = Set(sectors(in: ranges).keys.map { $0 / 8 })
    // The files that have any of the clusters.
    var paths: Set<String> = []
    for first in clusters where !clusters.contains(first &- 1) {
      var last = first
      while clusters.contains(last + 1) { last += 1 }
      let said = try await run("ntfscluster", ["-q", "-f", "-c", "\(first)-\(last)", image])
      for line in said.outputLines {
        guard let match = line.firstMatch(of: /^Inode \d+ (\/[^$].*)\/\$DATA$/) else { continue }
        if !names.contains(ObjectName(device: device, path: Array(match.1.utf8))) { paths.insert(String(match.1)) }
      }
    }
    // Which clusters they are.
    var owners: [UInt64: Set<String>] = [:]
    for path in paths {
      for sector in try await BlockOracles.ntfscluster(path, image: image).values {
        owners[sector, default: []].insert(path)
      }
    }
    // The data of small files is in the file table.
    var answer = answer.without(names)
    answer.objects.removeAll { $0.device == device && $0.kind == "f" && $0.size ?? 0 < 4096 }
    return compare(answer, ranges, owners: owners, kinds: ["f", "a"])
  }

  /// The same bytes without overlaps, sorted.
  static func merged(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
    ranges.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { result, range in
      if let last = result.last, range.lowerBound <= last.upperBound {
        result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        result.append(range)
      }
    }
  }
}

extension MapText {
  /// Objects that have blocks for attributes, which others may share, or streams: tools name one owner of such a block.
  var withAttributes: Set<ObjectName> { Set(lines.filter { $0.kind == "m" && $0.path.first == 0x2f }.map(\.name)) }
}

extension AffectedAnswer {
  func without(_ names: Set<ObjectName>) -> AffectedAnswer {
    var answer = self
    answer.objects.removeAll { object in
      guard let device = object.device, let path = object.path else { return false }
      return names.contains(ObjectName(device: device, path: Array(path.utf8)))
    }
    return answer
  }
}

/// Where the data of a member of an md array begins on the disk, in bytes, according to mdadm.
/// - Parameter member: its place on the disk.
func dataStart(ofMember member: Range<UInt64>, on disk: FilePath, in scratch: Scratch) async throws -> UInt64 {
  let said = try await tool("mdadm", ["--examine", slice(of: disk, member, in: scratch)])
  let match = try #require(said.output.text.firstMatch(of: /Data Offset : (\d+) sectors/))
  return member.lowerBound + (try #require(UInt64(match.1))) * 512
}

extension Array {
  func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
    var result: [T] = []
    for element in self { result.append(try await transform(element)) }
    return result
  }
}
