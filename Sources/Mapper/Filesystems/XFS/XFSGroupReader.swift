import BlockStack
import Bytes

/// Reads what `XFSMetadata.script` prints of the allocation groups, and of the inodes that have no name.
struct XFSGroupReader {
  private let geometry: XFSMetadata.Geometry
  /// In bytes.
  private let inodeSize: UInt64
  private(set) var areas: [DeviceArea] = []
  /// How many groups have a B+tree of free space.
  private(set) var groupsWithFreeSpace = 0
  /// Whether the output was not cut short.
  private(set) var isAtEnd = false

  private var group: UInt64?
  private var list = FreeList()
  /// The tree that the records belong to, as xfs_db names it.
  private var tree: Substring = ""
  /// The last group whose tree of free space was seen.
  private var lastWithFreeSpace: UInt64?
  /// The name of the inode that the extents belong to.
  private var inode: String?

  /// The unit of xfs_db's block addresses (daddr), in bytes.
  private static let daddr: UInt64 = 512
  private static let inodesInChunk: UInt64 = 64

  /// The used part of the free list's array.
  private struct FreeList {
    var first = 0
    var count = 0
  }

  init(geometry: XFSMetadata.Geometry) {
    self.geometry = geometry
    inodeSize = geometry.numbers["inodesize"] ?? 0
  }

  mutating func take(_ line: Substring) {
    let fields = line.fields
    guard let first = fields.first else { return }
    switch first {
    case "ag" where fields.count == 2:
      group = UInt64(fields[1])
      list = FreeList()
      inode = nil
    case "unlinked" where fields.count == 2: inode = UInt64(fields[1]).map { "unlinked inode \($0)" }
    case "inode" where fields.count == 2:
      inode = Self.name(of: fields[1])
      group = nil
    case "end": isAtEnd = true
    case "flfirst" where fields.count == 3: list.first = Int(fields[2]) ?? 0
    case "flcount" where fields.count == 3: list.count = Int(fields[2]) ?? 0
    case "rec" where fields.count == 2: takeRecord(fields[1])
    case "tree" where fields.count == 2:
      if let inode { areas.add("\(inode) map", at: UInt64(fields[1])?.times(Self.daddr), count: geometry.blockSize) }
    case "data" where fields.count == 5, "attr" where fields.count == 5:
      takeExtent(fields.dropFirst().compactMap { UInt64($0) }, isData: first == "data")
    default:
      if first.hasPrefix("bno[") {
        takeFreeList(fields.dropFirst(2))
      } else if fields.count == 7, fields[1] == "level" {
        takeBlock(of: first, at: UInt64(fields[6])?.times(Self.daddr))
      }
    }
  }

  /// A block of a B+tree.
  private mutating func takeBlock(of tree: Substring, at start: UInt64?) {
    self.tree = tree
    guard let group else { return }
    if tree == "bnobt", lastWithFreeSpace != group {
      lastWithFreeSpace = group
      groupsWithFreeSpace += 1
    }
    let name = tree == "refcntbt" ? "refcountbt" : tree
    areas.add("\(name) \(group)", at: start, count: geometry.blockSize)
  }

  private mutating func takeRecord(_ record: Substring) {
    let numbers = record.parts(between: ",").compactMap { number($0) }
    switch tree {
    case "bnobt" where numbers.count == 2:
      guard let range = range(numbers[0], numbers[1]) else { return }
      areas.append(DeviceArea(kind: .unallocated, range: range))
    case "inobt" where numbers.count == 3: addChunk(at: numbers[0], holes: 0)
    // With sparse inodes, a bit for each 4 inodes says that there are none.
    case "inobt" where numbers.count == 5: addChunk(at: numbers[0], holes: numbers[1])
    case "refcntbt" where numbers.count == 4 && numbers[3] == 1:
      guard let range = range(numbers[0], numbers[1]) else { return }
      areas.add("CoW staging extents", at: range.lowerBound, count: range.upperBound - range.lowerBound)
    default: return
    }
  }

  /// A number in decimal or, with 0x, in hexadecimal.
  private func number(_ text: Substring) -> UInt64? {
    text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
  }

  /// A chunk of 64 inodes, or of fewer if it is sparse. The offset is the inode number times the inode size.
  /// - Parameter inode: the number in the group.
  private mutating func addChunk(at inode: UInt64, holes: UInt64) {
    guard let group, let start = group.times(geometry.groupSize), let bits = geometry.numbers["agblklog"], bits < 32,
      let offset = group.times(geometry.blockSize)?.times(1 << bits), let first = inode.times(inodeSize)
    else { return }
    let part = Self.inodesInChunk / 16
    guard let size = inodeSize.times(part), let chunk = size.times(16), first.plus(chunk) != nil else { return }
    var next: UInt64 = 0
    while next < 16 {
      var end = next
      while end < 16, holes >> end & 1 == 0 { end += 1 }
      let here = first + next * size
      areas.add("inodes", at: start.plus(here), count: (end - next) * size, offset: offset.plus(here))
      next = end + 1
    }
  }

  /// The array of the free list: `0:null 1:7 2:8`. Only the used part counts, which may wrap around.
  private mutating func takeFreeList(_ entries: ArraySlice<Substring>) {
    guard let group, list.first >= 0, list.count > 0, list.count <= entries.count, list.first < entries.count else {
      return
    }
    let entries = Array(entries)
    for index in 0..<list.count {
      let parts = entries[(list.first + index) % entries.count].parts(between: ":")
      guard parts.count == 2, let block = UInt64(parts[1]), let range = range(block, 1) else { continue }
      areas.add("AGFL blocks \(group)", at: range.lowerBound, count: geometry.blockSize)
    }
  }

  /// An extent of an inode: its offset, its group, its first block in the group, and the number of blocks.
  private mutating func takeExtent(_ numbers: [UInt64], isData: Bool) {
    guard let inode, numbers.count == 4, let offset = numbers[0].times(geometry.blockSize),
      let start = numbers[1].times(geometry.groupSize), let first = numbers[2].times(geometry.blockSize),
      let count = numbers[3].times(geometry.blockSize)
    else { return }
    areas.add(isData ? inode : "\(inode) map", at: start.plus(first), count: count, offset: isData ? offset : 0)
  }

  /// The range of blocks of the group, in bytes of the device.
  private func range(_ block: UInt64, _ count: UInt64) -> Range<UInt64>? {
    guard let start = group?.times(geometry.groupSize), let first = block.times(geometry.blockSize)?.plus(start),
      let size = count.times(geometry.blockSize), size > 0, let end = first.plus(size)
    else { return nil }
    return first..<end
  }

  /// The name of an inode that belongs to no file.
  /// - Parameter field: the superblock's field that has its number.
  private static func name(of field: Substring) -> String? {
    switch field {
    case "rbmino": "real-time bitmap"
    case "rsumino": "real-time summary"
    case "uquotino": "user quota"
    case "gquotino": "group quota"
    case "pquotino": "project quota"
    default: nil
    }
  }
}
