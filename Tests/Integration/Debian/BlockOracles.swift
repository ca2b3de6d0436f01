import SystemPackage

/// The sector of the volume for each sector of a file.
typealias Sectors = [UInt64: UInt64]

extension Sectors {
  /// Adds an extent. All numbers are in bytes and multiples of 512, except for the last length of a file.
  mutating func add(offset: UInt64, volumeOffset: UInt64, length: UInt64) {
    for sector in 0..<(length + 511) / 512 { self[offset / 512 + sector] = volumeOffset / 512 + sector }
  }

  /// The sectors of a file as a map gives them.
  /// - Parameter start: offset of the volume, in bytes.
  init(_ lines: [MapText.Line], on start: UInt64) {
    self.init()
    for line in lines {
      add(offset: line.offset, volumeOffset: line.range.lowerBound - start, length: UInt64(line.range.count))
    }
  }

  /// The same without sectors beyond the end of a file of `size` bytes.
  func within(_ size: UInt64) -> Sectors { filter { $0.key < (size + 511) / 512 } }
}

/// Tools that read filesystems without the kernel. `debugfs` and `xfsDB` return the sectors of files in the order of
/// the paths, `ntfscluster` those of one file, and `fiwalk` those of all files.
enum BlockOracles {
  /// ext4. Parses what `dump_extents -l` prints: lines such as
  /// ` 0/ 0   1/  3     0 -     4   18465 -  18469      5 `. Lines with `Uninit` after the last number are skipped.
  static func debugfs(_ paths: [String], image: String, blockSize: UInt64 = 4096) async throws -> [Sectors] {
    let said = try await tool(
      "debugfs", ["-f", "/dev/stdin", image], input: paths.map { "dump_extents -l \"\($0)\"\n" }.joined())
    var result: [Sectors] = []
    for line in said.outputLines {
      if line.hasPrefix("debugfs: dump_extents -l ") {
        result.append([:])
        continue
      }
      let numbers = line.split { !$0.isNumber }.compactMap { UInt64($0) }
      guard !result.isEmpty, line.contains("/"), numbers.count == 9, !line.contains("Uninit") else { continue }
      result[result.count - 1].add(
        offset: numbers[4] * blockSize, volumeOffset: numbers[6] * blockSize, length: numbers[8] * blockSize)
    }
    return result
  }

  /// XFS. Parses what `bmap` prints: lines such as `data offset 0 startblock 12 (0/12) count 1 flag 0`. Extents with
  /// flag 1 were never written and are skipped.
  static func xfsDB(_ paths: [String], image: FilePath) async throws -> [Sectors] {
    let sizes = try await tool("xfs_db", ["-r", "-c", "sb 0", "-c", "p blocksize agblocks", image])
    let numbers = sizes.outputLines.compactMap { $0.split(separator: " ").last.flatMap { UInt64($0) } }
    guard numbers.count == 2 else { throw TestFailure("xfs_db: \(sizes.output.text)") }
    let said = try await tool(
      "xfs_db", ["-r", image], input: paths.map { "path \($0)\necho file\nbmap\n" }.joined(), limit: .seconds(600))
    var result: [Sectors] = []
    for line in said.outputLines {
      let words = line.split(separator: " ").drop { $0 == "xfs_db>" }
      if words.elementsEqual(["file"]) { result.append([:]) }
      guard words.first == "data", words.count == 10, !result.isEmpty else { continue }
      let fields = Array(words)
      let block = fields[5].dropFirst().dropLast().split(separator: "/").compactMap { UInt64($0) }
      guard let offset = UInt64(fields[2]), block.count == 2, let count = UInt64(fields[7]) else {
        throw TestFailure(line)
      }
      guard fields[9] != "1" else { continue }
      result[result.count - 1].add(
        offset: offset * numbers[0], volumeOffset: (block[0] * numbers[1] + block[1]) * numbers[0],
        length: count * numbers[0])
    }
    return result
  }

  /// NTFS. Parses what `ntfscluster -F FILE` prints: lines `VCN LCN Length` below the type of each attribute.
  static func ntfscluster(_ path: String, image: FilePath, clusterSize: UInt64 = 4096) async throws -> Sectors {
    let said = try await tool("ntfscluster", ["-f", "-F", path, image])
    var result: Sectors = [:]
    var isData = false
    for line in said.outputLines {
      let words = line.split(whereSeparator: \.isWhitespace)
      if words.first?.hasPrefix("0x") == true { isData = words.first == "0x80" }
      let numbers = words.compactMap { UInt64($0) }
      guard isData, words.count == 3, numbers.count == 3 else { continue }
      result.add(
        offset: numbers[0] * clusterSize, volumeOffset: numbers[1] * clusterSize, length: numbers[2] * clusterSize)
    }
    return result
  }

  /// All files of an image that is one filesystem, as The Sleuth Kit reports them: `fiwalk -x`.
  static func fiwalk(_ image: FilePath) async throws -> [String: Sectors] {
    let said = try await tool("fiwalk", ["-x", "-g", "-z", "-O", image], limit: .seconds(600))
    var result: [String: Sectors] = [:]
    var name: String?
    for line in said.outputLines {
      if let found = line.firstMatch(of: /<filename>(.*)<\/filename>/) { name = "/" + found.1 }
      guard let name, line.contains("<byte_run ") else { continue }
      func number(_ attribute: String) -> UInt64? {
        guard let start = line.firstRange(of: " \(attribute)='") else { return nil }
        return UInt64(line[start.upperBound...].prefix { $0.isNumber })
      }
      guard let offset = number("file_offset"), let volumeOffset = number("img_offset"), let length = number("len")
      else {
        continue
      }
      result[name, default: [:]].add(offset: offset, volumeOffset: volumeOffset, length: length)
    }
    return result
  }
}
