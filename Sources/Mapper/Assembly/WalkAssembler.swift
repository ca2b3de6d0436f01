import BlockMap
import WalkRecord

/// Turns the events of one filesystem's walk into the objects and ranges of a map.
struct WalkAssembler {
  /// A range that holds an object's bytes from `offset` on.
  private struct Found {
    var object: Record.ObjectID
    var place: ChunkReads.DiskRange
    var offset: UInt64
  }

  private(set) var tree = ObjectTree()
  private var found: [Found] = []
  private var current: ChunkReads?
  /// Ambiguous chunks that the walker may still read again in pieces.
  private var pending: [UInt32: ChunkReads] = [:]
  /// The objects of which the walker has told the inode.
  private(set) var inodes: [UInt64: Record.ObjectID] = [:]
  /// What could not be examined.
  private(set) var failures: [(path: [UInt8], errno: Int32)] = []
  private(set) var failureCount = 0
  /// What the filesystem says is in use.
  private(set) var inodesInUse: UInt64 = 0
  private(set) var bytesInUse: UInt64 = 0
  private var bytesRead: UInt64 = 0
  private(set) var isComplete = false

  /// How many failures are kept by name.
  private static let keptFailures = 10_000

  mutating func read(disk: UInt8, offset: UInt64, length: UInt32) {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(length))
    guard current != nil, !overflow, length > 0 else { return }
    current?.add(disk: disk, range: offset..<end)
    bytesRead &+= UInt64(length)
  }

  mutating func take(_ record: Record) throws(AssemblyError) {
    switch record {
    case .begin(let inodes, let bytes):
      inodesInUse = inodes
      bytesInUse = bytes
    case .object(let id, let parent, let kind, let name):
      try tree.add(id: id, parent: parent, kind: kind, name: name)
    case .inode(let id, let number):
      guard tree.contains(id) else { throw .unknownObject(id) }
      inodes[number] = id
    case .link(let id, let parent, let name):
      try tree.addLink(to: id, parent: parent, name: name)
    case .chunk(let chunk):
      finishChunk()
      guard tree.contains(chunk.object) else { throw .unknownObject(chunk.object) }
      if chunk.replaces != 0 { pending[chunk.replaces] = nil }
      current = ChunkReads(chunk)
    case .idle: finishChunk()
    case .settled: settle()
    case .failure(let parent, let errno, let name):
      failureCount += 1
      if failures.count < Self.keptFailures {
        failures.append((tree.path(in: parent, name: name), errno))
      }
    case .end:
      settle()
      isComplete = true
    }
  }

  /// How much of the walk is done, from 0 to 1.
  var progress: Double {
    let inodes = Double(tree.directories + tree.files)
    let byInodes = inodesInUse > 0 ? inodes / Double(inodesInUse) : 0
    let byBytes = bytesInUse > 0 ? Double(bytesRead) / Double(bytesInUse) : 0
    return min(1, max(byInodes, byBytes))
  }

  private mutating func settle() {
    finishChunk()
    for chunk in pending.values.sorted(by: { $0.chunk.number < $1.chunk.number }) {
      // Down to one block, and still in several places: they all belong to it.
      add(chunk.merged, of: chunk.chunk)
    }
    pending.removeAll(keepingCapacity: true)
  }

  private mutating func finishChunk() {
    guard let chunk = current else { return }
    current = nil
    switch chunk.chunk.layout {
    case .exact, .unproven, .ordered:
      if chunk.isAmbiguous {
        pending[chunk.chunk.number] = chunk
      } else {
        add(chunk.merged, of: chunk.chunk)
      }
    case .encoded: add(chunk.merged, of: chunk.chunk)
    case .stream: addStream(chunk)
    }
  }

  private mutating func add(_ places: [ChunkReads.DiskRange], of chunk: Chunk) {
    for place in places { found.append(Found(object: chunk.object, place: place, offset: chunk.offset)) }
  }

  private mutating func addStream(_ reads: ChunkReads) {
    let chunk = reads.chunk
    let total = reads.ranges.reduce(0) { $0 &+ ($1.range.upperBound - $1.range.lowerBound) }
    let pageSize: UInt64 = 4096
    let toPageEnd = (pageSize - chunk.length % pageSize) % pageSize
    guard chunk.length == 0 || total <= chunk.length || total - chunk.length <= toPageEnd else {
      // More was read than the file has there: compressed data, whose order says nothing.
      return add(reads.merged, of: chunk)
    }
    var offset = chunk.offset
    // The kernel asks for the sectors of one of FAT's clusters at the same time. ntfs-3g reads one after the other, so
    // that a file's fragments stand in the file's order even where one lies before its neighbour.
    let isDirectory = tree.kind(of: chunk.object) == .directory
    for place in isDirectory ? reads.mergedInOrder : reads.ranges {
      found.append(Found(object: chunk.object, place: place, offset: offset))
      offset &+= place.range.upperBound - place.range.lowerBound
    }
  }

  /// Takes `places` for where the directories are, in place of what was read when they were listed.
  mutating func setDirectories(_ places: [Record.ObjectID: [Range<UInt64>]]) {
    found.removeAll { tree.kind(of: $0.object) == .directory }
    for (object, ranges) in places where tree.contains(object) {
      for range in ranges {
        found.append(Found(object: object, place: ChunkReads.DiskRange(disk: 1, range: range), offset: 0))
      }
    }
  }

  /// Puts what was found into the map, under every name of each object.
  ///
  /// Returns how many objects the map cannot hold, their paths being too long.
  func add(to builder: inout BlockMapBuilder, device: [UInt8]) -> Int {
    var left = 0
    var linked: [Record.ObjectID: [ObjectID]] = [:]
    tree.forEachLink { object, path in
      if let id = builder.addObject(kind: .file, device: device, path: path) {
        linked[object, default: []].append(id)
      } else {
        left += 1
      }
    }
    var last: (object: Record.ObjectID, names: [ObjectID])?
    for range in found {
      if last?.object != range.object {
        let kind: ObjectKind = tree.kind(of: range.object) == .directory ? .directory : .file
        let first = builder.addObject(kind: kind, device: device, path: tree.path(of: range.object))
        if first == nil { left += 1 }
        last = (range.object, (first.map { [$0] } ?? []) + linked[range.object, default: []])
      }
      for name in last?.names ?? [] {
        builder.addRange(
          of: name, disk: Int(range.place.disk), range: range.place.range, objectOffset: range.offset)
      }
    }
    return left
  }
}
