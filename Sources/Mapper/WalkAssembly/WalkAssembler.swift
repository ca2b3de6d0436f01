import BlockMap
import BlockStack
import Glibc
import WalkRecord

/// Turns the events of one filesystem's walk into the objects and ranges of a map.
package struct WalkAssembler {
  /// A range that holds an object's bytes from `offset` on.
  package struct Found {
    package var object: Record.ObjectID
    package var place: ChunkReads.DiskRange
    package var offset: UInt64
    /// The bytes are encoded: `offset` is that of them all.
    package var isEncoded = false
    /// Not the object's bytes, but what the filesystem keeps for it beside them.
    package var isKept = false
  }

  /// Where the filesystem says that an object's bytes from `offset` on are, by its own addresses.
  package struct Told {
    package var object: Record.ObjectID
    package var physical: Range<UInt64>
    package var offset: UInt64
    /// The bytes are encoded: `offset` is that of them all.
    package var isEncoded = false
    /// Not the object's bytes, but what the filesystem keeps for it beside them.
    package var isKept = false
  }

  private let bounds: WalkBounds
  package private(set) var tree: ObjectTree
  package var found: [Found] = []
  private var told: [Told] = []
  /// Where the filesystem says that files are that were read.
  package private(set) var claims: [Told] = []
  /// Files that were to be proved by reading, of which not everything was read: it was in the appliance's memory.
  package private(set) var unseen: [Record.ObjectID] = []
  /// What was read to see whether it lies where the filesystem says.
  private var proofs: [ChunkReads] = []
  private var current: ChunkReads?
  /// Ambiguous chunks that the walker may still read again in pieces.
  private var pending: [UInt32: ChunkReads] = [:]
  private var pendingReads = 0
  /// The objects of which the walker has told the inode.
  package private(set) var inodes: [UInt64: Record.ObjectID] = [:]
  /// The files that do not open without their key, by their inodes.
  package private(set) var encrypted: [UInt64: Record.ObjectID] = [:]
  /// What could not be examined: a name in a directory. Paths would take more memory.
  private var namedFailures: [(parent: Record.ObjectID, name: [UInt8], errno: Int32)] = []
  package private(set) var failureCount = 0
  /// What the filesystem says is in use.
  package private(set) var inodesInUse: UInt64 = 0
  package private(set) var bytesInUse: UInt64 = 0
  private var bytesRead: UInt64 = 0
  package private(set) var isComplete = false
  private var hasBegun = false
  /// What was told needs more ranges than are believed; then `resolve` is not finished.
  package private(set) var excess: AssemblyError?

  /// How many failures are kept by name.
  private static let keptFailures = 10_000
  /// Of what could not be examined, no longer path is put together.
  private static let longestShown = 4096

  package init(bounds: WalkBounds = .usual) {
    self.bounds = bounds
    tree = ObjectTree(mostNames: bounds.names, mostBytes: bounds.bytesOfNames)
  }

  package mutating func read(disk: UInt8, offset: UInt64, length: UInt32) {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(length))
    guard current != nil, !overflow, length > 0 else { return }
    current?.add(disk: disk, range: offset..<end)
    bytesRead &+= UInt64(length)
  }

  package mutating func take(_ record: Record) throws(AssemblyError) {
    switch record {
    case .begin(let inodes, let bytes):
      guard !hasBegun else { throw .secondBeginning }
      hasBegun = true
      inodesInUse = inodes
      bytesInUse = bytes
    case .object(let id, let parent, let kind, let name):
      try tree.add(id: id, parent: parent, kind: kind, name: name)
    case .inode(let id, let number):
      guard tree.contains(id) else { throw .unknownObject(id) }
      inodes[number] = id
      guard inodes.count <= tree.count else { throw .badInode }
    case .encrypted(let id, let number):
      guard tree.contains(id) else { throw .unknownObject(id) }
      inodes[number] = id
      encrypted[number] = id
      guard inodes.count <= tree.count else { throw .badInode }
    case .link(let id, let parent, let name):
      try tree.addLink(to: id, parent: parent, name: name)
    case .chunk(let chunk):
      finishChunk()
      guard tree.contains(chunk.object) else { throw .unknownObject(chunk.object) }
      guard Self.fits(chunk.offset, chunk.length) else { throw .badRange(chunk.object) }
      // A damaged filesystem may say so.
      guard Self.fits(chunk.physical, chunk.length) else {
        let (parent, name) = tree.place(of: chunk.object)
        return addFailure(in: parent, name, EUCLEAN)
      }
      if chunk.replaces != 0, let whole = pending.removeValue(forKey: chunk.replaces) {
        pendingReads -= whole.ranges.count
      }
      switch chunk.layout {
      case .told, .toldEncoded, .kept, .claimed: tell(chunk)
      case .exact, .encoded, .stream, .unproven, .ordered, .proof: current = ChunkReads(chunk)
      }
    case .idle: finishChunk()
    case .settled: settle()
    case .failure(let parent, let errno, let name):
      guard name.count <= WalkBounds.nameBytes else { throw .badName }
      addFailure(in: parent, name, errno)
    case .end:
      settle()
      isComplete = true
    }
    let ranges = found.count + told.count + claims.count + proofs.count
    guard ranges <= bounds.ranges, pendingReads <= WalkBounds.pendingReads else { throw .tooManyRanges(bounds.ranges) }
  }

  /// Whether `length` bytes from `start` on are where a file or a device can have bytes.
  private static func fits(_ start: UInt64, _ length: UInt64) -> Bool {
    start <= WalkBounds.mostBytes && length <= WalkBounds.mostBytes - start
  }

  private mutating func addFailure(in parent: Record.ObjectID, _ name: [UInt8], _ errno: Int32) {
    failureCount += 1
    if namedFailures.count < Self.keptFailures { namedFailures.append((parent, name, errno)) }
  }

  /// What could not be examined.
  package var failures: some Collection<(path: [UInt8], errno: Int32)> {
    namedFailures.lazy.map { failure in
      let isLong = tree.pathBytes(of: failure.parent) > Self.longestShown
      return (
        isLong ? Array(".../".utf8) + failure.name : tree.path(in: failure.parent, name: failure.name), failure.errno
      )
    }
  }

  /// How much of the walk is done, from 0 to 1.
  package var progress: Double {
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
    pendingReads = 0
  }

  private mutating func finishChunk() {
    guard let chunk = current else { return }
    current = nil
    switch chunk.chunk.layout {
    case .exact, .unproven, .ordered:
      if chunk.isAmbiguous {
        if let other = pending.updateValue(chunk, forKey: chunk.chunk.number) { pendingReads -= other.ranges.count }
        pendingReads += chunk.ranges.count
      } else {
        add(chunk.merged, of: chunk.chunk)
      }
    case .encoded: add(chunk.merged, of: chunk.chunk)
    case .stream: addStream(chunk)
    case .told, .toldEncoded, .kept, .claimed: break
    case .proof: proofs.append(chunk)
    }
  }

  private mutating func tell(_ chunk: Chunk) {
    let (end, overflow) = chunk.physical.addingReportingOverflow(chunk.length)
    guard !overflow, chunk.length > 0 else { return }
    let new = Told(
      object: chunk.object, physical: chunk.physical..<end, offset: chunk.offset,
      isEncoded: chunk.layout == .toldEncoded, isKept: chunk.layout == .kept)
    if chunk.layout == .claimed { claims.append(new) } else { told.append(new) }
  }

  private mutating func add(_ places: [ChunkReads.DiskRange], of chunk: Chunk) {
    for place in places {
      found.append(
        Found(object: chunk.object, place: place, offset: chunk.offset, isEncoded: chunk.layout == .encoded))
    }
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

  /// Takes `blocks` for where the directories are, in bytes of the filesystem's addresses, in place of what was read when
  /// they were listed.
  package mutating func setDirectories(_ blocks: [Record.ObjectID: [Range<UInt64>]]) {
    found.removeAll { tree.kind(of: $0.object) == .directory && !$0.isKept }
    for (object, ranges) in blocks where tree.contains(object) {
      for range in ranges { told.append(Told(object: object, physical: range, offset: 0)) }
    }
  }

  /// Takes these blocks for where these directories are, in place of what was read when they were listed.
  package mutating func replaceDirectories(_ blocks: [Record.ObjectID: [KeptBlock]]) {
    guard !blocks.isEmpty else { return }
    found.removeAll { !$0.isKept && blocks[$0.object] != nil }
    for (object, blocks) in blocks {
      for block in blocks { told.append(Told(object: object, physical: block.range, offset: block.offset)) }
    }
  }

  /// Adds data that the filesystem keeps in its tree: `range` in bytes of its addresses.
  package mutating func addInlineData(of inode: UInt64, _ range: Range<UInt64>, offset: UInt64, isEncoded: Bool) {
    guard let object = inodes[inode], tree.kind(of: object) != .directory else { return }
    told.append(
      Told(
        object: object, physical: range, offset: offset, isEncoded: isEncoded, isKept: tree.kind(of: object) == .other))
  }

  /// Adds a part of an encrypted file: `range` in bytes of the filesystem's addresses.
  package mutating func addData(of inode: UInt64, _ range: Range<UInt64>, offset: UInt64) {
    guard let object = encrypted[inode], tree.kind(of: object) == .file else { return }
    told.append(Told(object: object, physical: range, offset: offset))
  }

  /// An encrypted file cannot be found.
  package mutating func failEncrypted(_ inode: UInt64) {
    guard let object = encrypted[inode] else { return }
    let (parent, name) = tree.place(of: object)
    addFailure(in: parent, name, ENOKEY)
  }

  /// Adds blocks that the filesystem keeps for an object beside its bytes: `range` in bytes of its addresses.
  package mutating func addKept(_ object: Record.ObjectID, _ range: Range<UInt64>, offset: UInt64) {
    told.append(Told(object: object, physical: range, offset: offset, isKept: true))
  }

  /// Finds every copy of what was told and of what was read. An object that is said to lie behind the device's end is one
  /// that could not be examined, but for what of it is on the device.
  /// - Parameters:
  ///   - device: the filesystem's addresses as the table knows them.
  ///   - isAllRead: whatever can be read was read. What was told all the same, and is in a place that the table does not
  ///     know, could not be examined.
  /// - Returns: an object that is not where the filesystem says, as reading shows or because the table does not know it;
  ///   nil where everything is.
  package mutating func resolve(
    _ table: DeviceTable, device: Substring, isAllRead: Bool = false, isCancelled: () -> Bool = { false }
  ) -> Record.ObjectID? {
    for reads in proofs {
      guard !isCancelled() else { return nil }
      switch proof(by: reads, table, device) {
      case .proved: continue
      case .elsewhere: return reads.chunk.object
      case .unseen: if unseen.last != reads.chunk.object { unseen.append(reads.chunk.object) }
      }
    }
    proofs = []
    if table.hasCopies {
      for index in found.indices {
        if index & 0xfff == 0, isCancelled() { return nil }
        guard found.count <= bounds.ranges else {
          excess = .tooManyRanges(bounds.ranges)
          return nil
        }
        addCopies(of: found[index], table, device)
      }
    }
    let end = table.end(of: device) ?? .max
    var outside: Set<Record.ObjectID> = []
    var unplaced: Set<Record.ObjectID> = []
    for (count, told) in told.enumerated() {
      if count & 0xfff == 0, isCancelled() { return nil }
      // A piece may be in many places: each stripe is one.
      guard found.count <= bounds.ranges else {
        excess = .tooManyRanges(bounds.ranges)
        return nil
      }
      guard let places = table.places(of: told.physical, on: device) else {
        if told.isKept { continue }
        guard isAllRead else { return told.object }
        unplaced.insert(told.object)
        continue
      }
      // What is there is somebody else's.
      if told.physical.upperBound > end { outside.insert(told.object) }
      for place in places {
        guard let disk = UInt8(exactly: place.disk) else { continue }
        found.append(
          Found(
            object: told.object, place: ChunkReads.DiskRange(disk: disk, range: place.range),
            offset: told.isEncoded ? told.offset : told.offset &+ place.offset, isEncoded: told.isEncoded,
            isKept: told.isKept))
      }
    }
    told = []
    for object in outside.sorted() {
      let (parent, name) = tree.place(of: object)
      addFailure(in: parent, name, EUCLEAN)
    }
    for object in unplaced.sorted() {
      let (parent, name) = tree.place(of: object)
      addFailure(in: parent, name, ENOTSUP)
    }
    return nil
  }

  /// What reading a piece says of where the filesystem says that it is.
  private enum Proof {
    case proved
    /// All that was read is there, but not everything was.
    case unseen
    case elsewhere
  }

  /// What was read of a piece has to be one of its copies, as far as its devices are there.
  private func proof(by reads: ChunkReads, _ table: DeviceTable, _ device: Substring) -> Proof {
    let chunk = reads.chunk
    let (end, overflow) = chunk.physical.addingReportingOverflow(chunk.length)
    guard !overflow, let places = table.places(of: chunk.physical..<end, on: device) else { return .elsewhere }
    // A read is rounded up to a block. One byte of a piece may be read of one copy, the next of another.
    let block: UInt64 = 4096
    let allowed = places.map { place in
      ChunkReads.DiskRange(
        disk: UInt8(truncatingIfNeeded: place.disk),
        range: place.range.lowerBound..<(min(place.range.upperBound, UInt64.max - block) + block - 1) / block * block)
    }
    let stored = places.map { place in
      ChunkReads.DiskRange(
        disk: 0, range: place.offset..<place.offset + (place.range.upperBound - place.range.lowerBound))
    }
    // What is on a device that is lost is put together from others.
    let whole = ChunkReads.DiskRange(disk: 0, range: 0..<chunk.length)
    guard ChunkReads.isCovered(whole, by: stored) else { return .proved }
    let read = reads.merged.reduce(0) { $0 &+ ($1.range.upperBound - $1.range.lowerBound) }
    guard reads.merged.allSatisfy({ ChunkReads.isCovered($0, by: allowed) }) else { return .elsewhere }
    return read >= chunk.length ? .proved : .unseen
  }

  /// Adds the places that hold the same bytes as a place that was read.
  private mutating func addCopies(of original: Found, _ table: DeviceTable, _ device: Substring) {
    let place = original.place
    for part in table.parts(of: device, heldBy: place.range, ofDisk: Int(place.disk)) {
      for copy in table.places(of: part.range, on: device) ?? [] {
        let start = part.onDisk &+ copy.offset
        guard let disk = UInt8(exactly: copy.disk), disk != place.disk || copy.range.lowerBound != start else {
          continue
        }
        var other = original
        other.place = ChunkReads.DiskRange(disk: disk, range: copy.range)
        if !original.isEncoded { other.offset = original.offset &+ (start &- place.range.lowerBound) }
        found.append(other)
      }
    }
  }

  /// Puts what was found into the map, under every name of each object.
  ///
  /// Returns how many objects the map cannot hold, their paths being too long.
  package func add(to builder: inout BlockMapBuilder, device: [UInt8], isCancelled: () -> Bool = { false }) -> Int {
    var left = 0
    var count = 0
    var paths = MapPaths(tree)
    let kept = Set(found.lazy.filter(\.isKept).map(\.object))
    var linked: [Record.ObjectID: [ObjectID]] = [:]
    var keptLinked: [Record.ObjectID: [ObjectID]] = [:]
    tree.forEachLink { object, parent, name in
      let isFile = tree.kind(of: object) == .file
      guard isFile || kept.contains(object) else { return }
      let path = paths.path(in: parent, name: name, of: &builder)
      if kept.contains(object), let path, let id = builder.addObject(kind: .metadata, device: device, at: path) {
        keptLinked[object, default: []].append(id)
      }
      guard isFile else { return }
      if let path, let id = builder.addObject(kind: .file, device: device, at: path) {
        linked[object, default: []].append(id)
      } else {
        left += 1
      }
    }
    var last: (object: Record.ObjectID, isKept: Bool, names: [ObjectID])?
    for range in found {
      count &+= 1
      if count & 0xfff == 0, isCancelled() || builder.isTooLarge { return left }
      if last?.object != range.object || last?.isKept != range.isKept {
        let kind: ObjectKind =
          range.isKept ? .metadata : tree.kind(of: range.object) == .directory ? .directory : .file
        let path = paths.path(of: range.object, of: &builder)
        let first = path.flatMap { builder.addObject(kind: kind, device: device, at: $0) }
        if first == nil { left += 1 }
        let others = (range.isKept ? keptLinked : linked)[range.object, default: []]
        last = (range.object, range.isKept, (first.map { [$0] } ?? []) + others)
      }
      for name in last?.names ?? [] {
        builder.addRange(
          of: name, disk: Int(range.place.disk), range: range.place.range, objectOffset: range.offset)
      }
    }
    return left
  }
}
