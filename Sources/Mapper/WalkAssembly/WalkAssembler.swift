import BlockMap
import BlockStack
import Glibc
import WalkRecord

/// Turns the events of one filesystem's walk into the objects and ranges of a map.
///
/// Reads of the disks and the walker's records arrive in one order, so a read belongs to the chunk whose record came
/// last. If a chunk's reads are ambiguous, they do not show which byte is where. The chunk then waits until the
/// walker has read it again in smaller pieces, or says with `settled` that it will not.
///
/// The filesystem can also report where bytes are without reading them. `resolve` translates these locations to the
/// guest's disks at the end, checks those that were read as a proof, and adds all copies.
///
/// The walker is not trusted: `WalkBounds` limits what it may report, and impossible records are an `AssemblyError`.
package struct WalkAssembler {
  /// What an object has a range for.
  package enum Role {
    /// The object's own bytes.
    case content
    /// Metadata that the filesystem stores for the object.
    case metadata
    /// Space that is allocated to the object but holds none of its bytes.
    case unwritten
  }

  /// A range of a disk that holds an object's bytes from `offset` on.
  package struct Found {
    package var object: Record.ObjectID
    package var diskRange: ChunkReads.DiskRange
    package var offset: UInt64
    /// The bytes are encoded: `offset` is that of all of them together.
    package var isEncoded = false
    package var role = Role.content
  }

  /// The location of an object's bytes from `offset` on as the filesystem reports it, in its own address space.
  package struct Reported {
    package var object: Record.ObjectID
    package var physical: Range<UInt64>
    package var offset: UInt64
    /// The bytes are encoded: `offset` is that of all of them together.
    package var isEncoded = false
    package var role = Role.content
  }

  let bounds: WalkBounds
  package private(set) var tree: ObjectTree
  package var found: [Found] = []
  var reported: [Reported] = []
  /// The locations that the filesystem reports for files that were also read.
  package internal(set) var claims: [Reported] = []
  /// Files that were read as a proof, but of which some reads were not seen because the appliance had the data in
  /// memory.
  package internal(set) var unseen: [Record.ObjectID] = []
  /// How many extents of unwritten space are not, or not completely, in the map, because their location is unknown or
  /// beyond the device's end.
  package internal(set) var unlocatedUnwritten = 0
  /// The reads that show whether pieces are where the filesystem says.
  var proofs: [ChunkReads] = []
  private var current: ChunkReads?
  /// Ambiguous chunks that the walker may still read again in smaller pieces.
  private var pending: [UInt32: ChunkReads] = [:]
  private var pendingReads = 0
  /// The objects whose inode numbers the walker has reported, by inode.
  package private(set) var inodes: [UInt64: Record.ObjectID] = [:]
  /// The files that cannot be opened without their key, by inode.
  package private(set) var encrypted: [UInt64: Record.ObjectID] = [:]
  /// What could not be examined, as a name in a directory. Paths would take more memory.
  private var namedFailures: [(parent: Record.ObjectID, name: [UInt8], errno: Int32)] = []
  package private(set) var failureCount = 0
  /// The inodes and bytes in use, as the filesystem reports them.
  package private(set) var inodesInUse: UInt64 = 0
  package private(set) var bytesInUse: UInt64 = 0
  private var bytesRead: UInt64 = 0
  package private(set) var isComplete = false
  private var hasBegun = false
  /// Set if there are more ranges than the bounds allow; `resolve` is then incomplete.
  package internal(set) var excess: AssemblyError?

  /// The maximum number of failures stored with their names; further ones are only counted.
  private static let maximumNamedFailures = 10_000
  /// If the path of a failure's directory is longer than this, in bytes, `...` is shown instead of it.
  private static let longestShown = 4096

  package init(bounds: WalkBounds = .usual) {
    self.bounds = bounds
    tree = ObjectTree(maximumNames: bounds.names, maximumBytes: bounds.bytesOfNames)
  }

  package mutating func read(disk: UInt8, offset: UInt64, length: UInt32) {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(length))
    guard current != nil, !overflow, length > 0, !isMetadata(disk, offset) else { return }
    current?.add(disk: disk, range: offset..<end)
    bytesRead &+= UInt64(length)
  }

  private func isMetadata(_ disk: UInt8, _ offset: UInt64) -> Bool {
    bounds.metadata.contains { $0.disk == disk && $0.range.contains(offset) }
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
      guard try isUsable(chunk.object, chunk.offset, chunk.length, chunk.physical) else { return }
      if chunk.replaces != 0, let whole = pending.removeValue(forKey: chunk.replaces) {
        pendingReads -= whole.ranges.count
      }
      current = ChunkReads(chunk)
    case .extent(let extent):
      finishChunk()
      let isUnwritten = extent.content == .unwritten
      guard try isUsable(extent.object, extent.offset, extent.length, extent.physical, isData: !isUnwritten) else {
        if isUnwritten { unlocatedUnwritten &+= 1 }
        return
      }
      add(extent)
    case .idle: finishChunk()
    case .settled: settle()
    case .failure(let parent, let errno, let name):
      guard name.count <= WalkBounds.nameBytes else { throw .badName }
      addFailure(in: parent, name, errno)
    case .end:
      settle()
      isComplete = true
    }
    let ranges = found.count + reported.count + claims.count + proofs.count
    guard ranges <= bounds.ranges, pendingReads <= WalkBounds.pendingReads else { throw .tooManyRanges(bounds.ranges) }
  }

  /// Checks a part of an object. If a damaged filesystem reports an impossible location of data, which is not the
  /// walker's fault, the object counts as a failure.
  private mutating func isUsable(
    _ object: Record.ObjectID, _ offset: UInt64, _ length: UInt64, _ physical: UInt64, isData: Bool = true
  ) throws(AssemblyError) -> Bool {
    guard tree.contains(object) else { throw .unknownObject(object) }
    guard Self.fits(offset, length) else { throw .badRange(object) }
    guard Self.fits(physical, length) else {
      guard isData else { return false }
      let (parent, name) = tree.parentAndName(of: object)
      addFailure(in: parent, name, EUCLEAN)
      return false
    }
    return true
  }

  /// Whether `length` bytes at `start` are within the range that a file or a device can have.
  private static func fits(_ start: UInt64, _ length: UInt64) -> Bool {
    start <= WalkBounds.maximumBytes && length <= WalkBounds.maximumBytes - start
  }

  mutating func addFailure(in parent: Record.ObjectID, _ name: [UInt8], _ errno: Int32) {
    failureCount += 1
    if namedFailures.count < Self.maximumNamedFailures { namedFailures.append((parent, name, errno)) }
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

  /// An estimate of how much of the walk is done, from 0 to 1.
  package var progress: Double {
    let inodes = Double(tree.directories + tree.files)
    let byInodes = inodesInUse > 0 ? inodes / Double(inodesInUse) : 0
    let byBytes = bytesInUse > 0 ? Double(bytesRead) / Double(bytesInUse) : 0
    return min(1, max(byInodes, byBytes))
  }

  private mutating func settle() {
    finishChunk()
    for chunk in pending.values.sorted(by: { $0.chunk.number < $1.chunk.number }) {
      // These are down to one block and still in several ranges: all of them belong to it.
      add(chunk.merged, of: chunk.chunk)
      reportDropped(chunk)
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
    case .encoded:
      add(chunk.merged, of: chunk.chunk)
      reportDropped(chunk)
    case .stream:
      addStream(chunk)
      reportDropped(chunk)
    case .proof: proofs.append(chunk)
    }
  }

  /// If a chunk that is not read again has more ranges than are stored, its object is not completely in the map.
  private mutating func reportDropped(_ reads: ChunkReads) {
    guard reads.dropped > 0 else { return }
    let (parent, name) = tree.parentAndName(of: reads.chunk.object)
    addFailure(in: parent, name, E2BIG)
  }

  private mutating func add(_ extent: ReportedExtent) {
    let (end, overflow) = extent.physical.addingReportingOverflow(extent.length)
    guard !overflow, extent.length > 0 else { return }
    let role: Role =
      switch extent.content {
      case .data, .encodedData, .dataToCheck: .content
      case .metadata: .metadata
      case .unwritten: .unwritten
      }
    let new = Reported(
      object: extent.object, physical: extent.physical..<end, offset: extent.offset,
      isEncoded: extent.content == .encodedData, role: role)
    if extent.content == .dataToCheck { claims.append(new) } else { reported.append(new) }
  }

  private mutating func add(_ ranges: [ChunkReads.DiskRange], of chunk: Chunk) {
    for range in ranges {
      found.append(
        Found(object: chunk.object, diskRange: range, offset: chunk.offset, isEncoded: chunk.layout == .encoded))
    }
  }

  private mutating func addStream(_ reads: ChunkReads) {
    let chunk = reads.chunk
    let total = reads.ranges.reduce(0) { $0 &+ ($1.range.upperBound - $1.range.lowerBound) }
    let pageSize: UInt64 = 4096
    let toPageEnd = (pageSize - chunk.length % pageSize) % pageSize
    guard chunk.length == 0 || total <= chunk.length || total - chunk.length <= toPageEnd else {
      // More bytes were read than the file has there: the data is compressed, and the order means nothing.
      return add(reads.merged, of: chunk)
    }
    var offset = chunk.offset
    // For directories, the kernel requests the sectors of a FAT cluster at the same time, so they arrive in any
    // order. ntfs-3g reads them one by one, so a file's fragments are in the file's order. Merging would swap two of
    // them if the second is directly before the first on the disk.
    let isDirectory = tree.kind(of: chunk.object) == .directory
    for range in isDirectory ? reads.mergedInOrder : reads.ranges {
      found.append(Found(object: chunk.object, diskRange: range, offset: offset))
      offset &+= range.range.upperBound - range.range.lowerBound
    }
  }

  /// Sets the locations of all directories to `blocks`, in bytes of the filesystem's address space. They replace
  /// what was read when the directories were listed. The blocks of a directory follow each other in this order.
  package mutating func setDirectories(_ blocks: [Record.ObjectID: [Range<UInt64>]]) {
    found.removeAll { tree.kind(of: $0.object) == .directory && $0.role == .content }
    for (object, ranges) in blocks where tree.contains(object) {
      var offset: UInt64 = 0
      for range in ranges {
        reported.append(Reported(object: object, physical: range, offset: offset))
        offset &+= range.upperBound - range.lowerBound
      }
    }
  }

  /// Sets the locations of these directories to these blocks, which replace what was read when they were listed.
  package mutating func replaceDirectories(_ blocks: [Record.ObjectID: [InodeBlock]]) {
    guard !blocks.isEmpty else { return }
    found.removeAll { $0.role == .content && blocks[$0.object] != nil }
    for (object, blocks) in blocks {
      for block in blocks { reported.append(Reported(object: object, physical: block.range, offset: block.offset)) }
    }
  }

  /// Adds a file's data or a link's target that the filesystem stores in its tree: `range` in bytes of its address
  /// space.
  package mutating func addInlineData(of inode: UInt64, _ range: Range<UInt64>, offset: UInt64, isEncoded: Bool) {
    guard let object = inodes[inode], tree.kind(of: object) != .directory else { return }
    reported.append(
      Reported(
        object: object, physical: range, offset: offset, isEncoded: isEncoded,
        role: tree.kind(of: object) == .other ? .metadata : .content))
  }

  /// Adds a part of an encrypted file: `range` in bytes of the filesystem's address space.
  package mutating func addData(of inode: UInt64, _ range: Range<UInt64>, offset: UInt64, isUnwritten: Bool = false) {
    guard let object = encrypted[inode], tree.kind(of: object) == .file else { return }
    reported.append(
      Reported(object: object, physical: range, offset: offset, role: isUnwritten ? .unwritten : .content))
  }

  /// Records that an encrypted file cannot be located.
  package mutating func failEncrypted(_ inode: UInt64) {
    guard let object = encrypted[inode] else { return }
    let (parent, name) = tree.parentAndName(of: object)
    addFailure(in: parent, name, ENOKEY)
  }

  /// Adds blocks that the filesystem stores for an object in addition to its bytes: `range` in bytes of the
  /// filesystem's address space.
  package mutating func addMetadata(_ object: Record.ObjectID, _ range: Range<UInt64>, offset: UInt64) {
    reported.append(Reported(object: object, physical: range, offset: offset, role: .metadata))
  }
}
