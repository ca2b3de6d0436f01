import Algorithms

/// The names in a directory, as its index has them: a tree whose root is in the directory's record and whose other
/// nodes are blocks in clusters of their own.
///
/// Layout: "NTFS Documentation" of the Linux-NTFS project, "$INDEX_ROOT", "$INDEX_ALLOCATION" and "$FILE_NAME".
public enum DirectoryIndex {
  /// The name of a file or directory.
  public struct Entry: Equatable, Sendable {
    /// The number of the first record of the file or directory.
    public var number: UInt64
    public var sequence: UInt64
    /// In UTF-8; an unpaired surrogate is encoded in the same way.
    public var name: [UInt8]
  }

  /// Why a directory cannot be listed.
  public enum Failure: Error, Equatable {
    /// The index is malformed; `found` has the names that precede the damage.
    case damaged(found: [Entry])
    /// The directory has more than `maximumEntries` names.
    case tooLarge
  }

  /// Each entry takes about 100 bytes of memory.
  static let maximumEntries = 1 << 18
  private static let blockBytes: ClosedRange<UInt64> = 512...64 << 10
  private static let rootHeaderBytes = 16
  private static let blockHeaderBytes = 24
  private static let entryHeaderBytes = 16
  /// A flag of the root: blocks are in use.
  private static let isLarge: UInt64 = 1
  private static let hasChild: UInt64 = 1
  private static let isLast: UInt64 = 2
  /// The namespace of a short name that accompanies another name.
  private static let shortName: UInt64 = 2

  /// - Parameters:
  ///   - number: the number of the directory's first record.
  ///   - clusterSize: the volume's cluster size, in bytes.
  public static func entries<Source: RecordSource>(
    of number: UInt64, in source: inout Source, clusterSize: UInt64
  ) -> Result<[Entry], Failure> {
    guard let root = root(of: number, in: &source), let size = root.number(at: 8, bytes: 4),
      blockBytes.contains(size), size.nonzeroBitCount == 1
    else { return .failure(.damaged(found: [])) }
    var list = List(blockSize: size, clusterSize: clusterSize)
    guard list.add(root, header: rootHeaderBytes) else { return .failure(.damaged(found: list.entries)) }
    if !list.blocks.isEmpty { list.runs = FileData.directoryIndex(of: number, in: &source) ?? [] }
    while let block = list.blocks.popLast() {
      guard list.entries.count <= maximumEntries else { return .failure(.tooLarge) }
      guard let bytes = list.read(block, from: &source), list.add(bytes, header: blockHeaderBytes) else {
        return .failure(.damaged(found: list.entries))
      }
    }
    return list.entries.count <= maximumEntries ? .success(list.entries) : .failure(.tooLarge)
  }

  /// The runs of a directory's index blocks, in clusters; empty for a small directory, whose index is in its record.
  /// - Parameter number: the number of the directory's first record.
  /// - Returns: nil if the index is damaged.
  public static func runs<Source: RecordSource>(of number: UInt64, in source: inout Source) -> [Run]? {
    guard let root = root(of: number, in: &source), let flags = root.number(at: rootHeaderBytes + 12, bytes: 1) else {
      return nil
    }
    // A directory that has shrunk may still have its blocks.
    return FileData.directoryIndex(of: number, in: &source) ?? (flags & isLarge == 0 ? [] : nil)
  }

  /// The value of `$INDEX_ROOT`.
  private static func root<Source: RecordSource>(of number: UInt64, in source: inout Source) -> [UInt8]? {
    guard let first = source.record(number), first.base == nil,
      let (record, attribute) = FileData.firstPart(
        of: Attribute.indexRoot, isNamed: true, number, first, in: &source),
      attribute.isDirectoryIndex, case .resident(let range) = attribute.value
    else { return nil }
    return Array(record.bytes[range])
  }

  /// The names of a directory, and the blocks that are still to be read.
  private struct List {
    let blockSize: UInt64
    let clusterSize: UInt64
    /// Where the index blocks are.
    var runs: [Run] = []
    var entries: [Entry] = []
    /// The offsets in the index of the blocks that are still to be read, in bytes.
    var blocks: [UInt64] = []
    private var seen: Set<UInt64> = []

    init(blockSize: UInt64, clusterSize: UInt64) {
      (self.blockSize, self.clusterSize) = (blockSize, clusterSize)
    }

    /// Adds the entries of a node of the tree.
    /// - Parameter header: the offset of the node's header, from which the offsets in the header count.
    mutating func add(_ node: [UInt8], header: Int) -> Bool {
      guard let first = node.number(at: header, bytes: 4), let size = node.number(at: header + 4, bytes: 4),
        size <= node.count - header
      else { return false }
      var offset = header + Int(first)
      let end = header + Int(size)
      while offset <= end - entryHeaderBytes {
        guard let length = node.number(at: offset + 8, bytes: 2), length >= entryHeaderBytes,
          Int(length) <= end - offset,
          let key = node.number(at: offset + 10, bytes: 2), let flags = node.number(at: offset + 12, bytes: 2)
        else { return false }
        if flags & hasChild != 0 {
          guard length >= entryHeaderBytes + 8, let child = node.number(at: offset + Int(length) - 8, bytes: 8),
            addBlock(child)
          else { return false }
        }
        if flags & isLast != 0 { return true }
        guard Int(key) <= Int(length) - entryHeaderBytes, let reference = node.number(at: offset, bytes: 8),
          add(node[offset + entryHeaderBytes..<offset + entryHeaderBytes + Int(key)], RecordReference(reference))
        else { return false }
        offset += Int(length)
      }
      return false
    }

    /// A node's number counts clusters or, if clusters are larger than nodes, sectors. No node is read twice.
    private mutating func addBlock(_ number: UInt64) -> Bool {
      let unit = clusterSize <= blockSize ? clusterSize : UInt64(FileRecord.sector)
      let (offset, overflow) = number.multipliedReportingOverflow(by: unit)
      guard !overflow, seen.insert(offset).inserted else { return false }
      blocks.append(offset)
      return true
    }

    /// - Parameter value: the value of a `$FILE_NAME`.
    private mutating func add(_ value: ArraySlice<UInt8>, _ reference: RecordReference) -> Bool {
      let bytes = Array(value)
      guard let count = bytes.number(at: 64, bytes: 1), let namespace = bytes.number(at: 65, bytes: 1),
        66 + 2 * Int(count) <= bytes.count
      else { return false }
      if namespace == shortName { return true }
      let units = (0..<Int(count)).map { UInt16(bytes[66 + 2 * $0]) | UInt16(bytes[67 + 2 * $0]) << 8 }
      entries.append(Entry(number: reference.number, sequence: reference.sequence, name: units.asUTF8))
      return true
    }

    /// Reads a node and restores the last bytes of every sector.
    func read<Source: RecordSource>(_ offset: UInt64, from source: inout Source) -> [UInt8]? {
      let (end, overflow) = offset.addingReportingOverflow(blockSize)
      guard !overflow else { return nil }
      var parts: [Run] = []
      let first = offset / clusterSize
      let last = (end - 1) / clusterSize
      for run in runs[runs.partitioningIndex { $0.start + $0.count > first }...] {
        guard run.start <= last else { break }
        guard let cluster = run.cluster else { return nil }
        let start = max(run.start, first)
        let count = min(run.start + run.count, last + 1) - start
        parts.append(Run(start: start, count: count, cluster: cluster + (start - run.start)))
      }
      let inFirst = offset - first * clusterSize
      guard let bytes = source.bytes(of: parts, size: inFirst + blockSize) else { return nil }
      let block = Array(bytes[Int(inFirst)...])
      return block.starts(with: Array("INDX".utf8)) ? FileRecord.withFixups(block) : nil
    }
  }
}

extension [UInt16] {
  /// The UTF-8 for this UTF-16. An unpaired surrogate, which NTFS allows, is encoded as if it were a character.
  package var asUTF8: [UInt8] {
    var result: [UInt8] = []
    var index = 0
    while index < count {
      var value = UInt32(self[index])
      index += 1
      if value & 0xfc00 == 0xd800, index < count, self[index] & 0xfc00 == 0xdc00 {
        value = 0x10000 + (value & 0x3ff) << 10 + UInt32(self[index] & 0x3ff)
        index += 1
      }
      func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | (value >> shift) & 0x3f) }
      switch value {
      case 0..<0x80: result.append(UInt8(value))
      case 0..<0x800: result += [UInt8(0xc0 | value >> 6), tail(0)]
      case 0..<0x10000: result += [UInt8(0xe0 | value >> 12), tail(6), tail(0)]
      default: result += [UInt8(0xf0 | value >> 18), tail(12), tail(6), tail(0)]
      }
    }
    return result
  }
}
