import Appliance
import BlockMap
import BlockStack
import DiskImage
import Glibc
import Guestfs
import WalkAssembly
import WalkRecord

/// What a run has found, for its last message.
public struct Findings: Sendable {
  public internal(set) var partitions = 0
  public internal(set) var logicalVolumes = 0
  public internal(set) var filesystems = 0
  public internal(set) var directories = 0
  public internal(set) var files = 0
  /// Files and directories that could not be read.
  public internal(set) var unreadable = 0
  /// Other gaps that a warning has named, such as volumes that could not be examined, damaged partition tables, and
  /// filesystems with paths that a map cannot hold.
  public internal(set) var incomplete = 0
  /// Filesystems that could not be mounted or walked.
  public internal(set) var notMounted = 0
  /// How long the appliance took to start, in seconds.
  public internal(set) var launchSeconds = 0.0
  /// How long all walks took together, in seconds.
  public internal(set) var walkSeconds = 0.0

  /// Whether the guest has more than the map covers.
  public var isPartial: Bool { unreadable > 0 || notMounted > 0 || incomplete > 0 }
}

/// Examines everything on a guest's disks and puts it into a map.
struct Examiner {
  static let walkerName = "/tmp/virt-bmap-walker"

  var guest: Guest
  let method: MapMethod
  /// Which problems to tolerate when virt-bmap opens the disks to search devices whose content is not recognized.
  let options: OpenOptions
  var map: BlockMapBuilder
  var findings = Findings()

  init(_ guest: Guest, method: MapMethod, options: OpenOptions, mostMapBytes: UInt64) {
    self.guest = guest
    self.method = method
    self.options = options
    map = BlockMapBuilder(mostBytes: mostMapBytes)
    for disk in guest.guestDisks { map.addDisk(disk.description) }
  }

  mutating func run(walker: String) throws {
    let disks = try guest.findDisks()
    warnOfLargeDisks()
    guest.warnOfDoubts()
    for (number, disk) in zip(guest.set.disks, disks) {
      add(.disk, disk, [DeviceTable.Place(disk: number, range: 0..<guest.guestDisks[number - 1].size, offset: 0)])
      examinePartitions(of: disk, number: number)
    }
    try guest.openEncryptedDevices(on: disks)
    try guest.readDevices()
    try guest.settleAmbivalentDevices()
    guest.warnOfTwins()
    try guest.warnOfDegradedArrays()
    try examineLogicalVolumes()
    examineArrays()
    examineStackedPartitions()
    examineOpenedDevices()
    examineParity()
    try guest.appliance.uploadToAppliance(walker, name: Self.walkerName, mode: 0o755)
    describeDevices()
    try examineVolumeMetadata(disks: disks)
    for filesystem in try guest.listFilesystems() {
      guard !guest.isCancelled() else { throw MapperError.interrupted }
      try examine(filesystem)
      try examineMetadata(of: filesystem)
    }
    try examineCoverage()
    warnOfUnreadableDisks()
    findings.incomplete += guest.incomplete
  }

  private mutating func warnOfLargeDisks() {
    for disk in guest.set.disks.map({ guest.guestDisks[$0 - 1] }) where disk.size > RecorderExport.mostBytes {
      guest.incomplete += 1
      guest.reporter.warning(
        "\(shown(disk.description.file)): the appliance cannot see data beyond \(RecorderExport.mostBytes) bytes")
    }
  }

  /// Not every filesystem reports a read error: FAT goes on without part of a directory.
  private mutating func warnOfUnreadableDisks() {
    for (number, offset) in guest.pump.unreadable.sorted(by: { $0.key < $1.key }) {
      guard number >= 1, number <= guest.guestDisks.count else { continue }
      guest.incomplete += 1
      guest.reporter.warning(
        "\(shown(guest.guestDisks[Int(number) - 1].description.file)): parts of it cannot be read: a read at offset \(offset) "
          + "failed; files there may be missing from the map")
    }
  }

  mutating func add(
    _ kind: ObjectKind, _ device: [UInt8], path: [UInt8]? = nil, _ places: [DeviceTable.Place]
  ) {
    guard let object = map.addObject(kind: kind, device: device, path: path) else { return }
    for place in places {
      map.addRange(of: object, disk: place.disk, range: place.range, objectOffset: place.offset)
    }
  }

  private mutating func examineLogicalVolumes() throws {
    try guest.warnOfIncompleteGroups()
    for volume in guest.inventory.logicalVolumes {
      guest.reporter.message("examining \(shown(volume)) ...")
      findings.logicalVolumes += 1
      guard let number = guest.inventory.number(of: volume) else { continue }
      guard let places = guest.devices.places(of: number), !places.isEmpty else {
        guest.reporter.warning(
          "\(shown(volume)): this volume type is not supported: files inside it are mapped, the volume itself is not")
        continue
      }
      add(.logicalVolume, volume, places)
    }
  }

  /// Adds what arrays store besides their data to restore what a lost device held.
  private mutating func examineParity() {
    for array in guest.inventory.arrays + guest.inventory.logicalVolumes {
      guard let number = guest.inventory.number(of: array) else { continue }
      addParity(of: number, to: array, guest.devices)
    }
  }

  /// - Parameter number: the table's name for the device that has parity.
  mutating func addParity(of number: Substring, to device: [UInt8], _ table: DeviceTable) {
    guard let places = table.parity(of: number) else {
      return guest.reporter.detail("\(shown(device)): its parity is in too many pieces and is not in the map")
    }
    if !places.isEmpty { add(.raid, device, places) }
  }

  private mutating func examine(_ filesystem: Guestfs.Filesystem) throws {
    let name = shown(filesystem.mountable)
    let type = String(decoding: filesystem.type, as: UTF8.self)
    guest.doneDevices.insert(filesystem.mountable)
    guest.reporter.message("examining filesystem on \(name) (\(type)) ...")
    do {
      try guest.mount(filesystem)
    } catch {
      try guest.checkHelpers()
      findings.notMounted += 1
      guest.reporter.warning("filesystem on \(name) (\(type)) cannot be mounted: \(guest.reason(error, filesystem))")
      return
    }
    let start = ContinuousClock.now
    let result: WalkAssembler?
    do {
      try guest.warnOfMissingDevices(of: filesystem)
      result = try walked(filesystem, name: name, type: type)
    } catch let error as GuestfsError {
      // If the appliance is still running, the other filesystems may be in order.
      try guest.checkHelpers()
      try guest.unmount()
      findings.notMounted += 1
      guest.reporter.warning("filesystem on \(name) (\(type)) cannot be examined: \(error.firstLine)")
      return
    }
    guard let walk = result else { return }
    findings.walkSeconds += (ContinuousClock.now - start) / .seconds(1)
    report(walk, on: name)
    let left = walk.add(to: &map, device: filesystem.mountable, isCancelled: guest.isCancelled)
    guard !guest.isCancelled() else { throw MapperError.interrupted }
    guard !map.isTooLarge else { throw MapError.tooLarge(map.mostBytes) }
    if left > 0 {
      guest.incomplete += 1
      guest.reporter.warning("filesystem on \(name): \(left) paths are too long for a map")
    }
    findings.filesystems += 1
    findings.directories += walk.tree.directories
    findings.files += walk.tree.files
  }

  /// Walks the mounted filesystem, by `method` if that is possible, and unmounts it.
  /// - Returns: nil, after a warning, if the filesystem cannot be walked.
  private mutating func walked(
    _ filesystem: Guestfs.Filesystem, name: String, type: String
  ) throws -> WalkAssembler? {
    var method = method
    let space = try guest.addressSpace(of: filesystem)
    warnOfUnknownTree(space, type: type, name: name)
    while true {
      if method != .read, !space.isFollowed {
        guest.reporter.detail("\(name): the volumes below are not supported; reading all files instead")
        method = .read
      }
      guard var walk = try walk(filesystem, name: name, type: type, method: method) else { return nil }
      setBtrfsDirectories(of: &walk, space)
      try addKeptBlocks(to: &walk, type: type, space, name: name)
      try addEncryptedFiles(to: &walk, space, name: name)
      var wrong = walk.resolve(
        space.table, device: space.device, isAllRead: method == .read, isCancelled: guest.isCancelled)
      guard !guest.isCancelled() else { throw MapperError.interrupted }
      if let excess = walk.excess {
        try guest.unmount()
        giveUp(filesystem, name: name, type: type, because: excess)
        return nil
      }
      if method == .read {
        try proveRead(&walk, type: type, space, name: name)
        wrong = nil
      } else if wrong == nil {
        wrong = try filesWithOtherBytes(walk.unseen, in: walk, type: type, space).min()
      }
      try guest.unmount()
      guard let wrong else { return walk }
      guest.reporter.warning(
        "filesystem on \(name) (\(type)): \(shown(walk.tree.path(of: wrong))) is not where the filesystem says; "
          + "reading all files instead")
      method = .read
      try guest.mount(filesystem)
    }
  }

  /// Runs the walker on the mounted filesystem.
  /// - Returns: nil, after a warning, if the filesystem cannot be walked; it is then unmounted.
  private mutating func walk(
    _ filesystem: Guestfs.Filesystem, name: String, type: String, method: MapMethod
  ) throws -> WalkAssembler? {
    guest.pump.begin(bounds(of: filesystem, type: type))
    let watch = try WalkWatch(guest.pump)
    defer { guest.reporter.progress(nil) }
    do {
      // If the kernel merged requests, adjacent pieces of a file in the wrong order would look like one piece. A walker
      // that did not finish may have left merging on.
      _ = try guest.appliance.shell(
        """
        for f in /sys/block/*/queue/nomerges; do echo 2 > $f; done
        \(Self.walkScript(method))
        """)
      watch.stop()
    } catch {
      watch.stop()
      let lie = guest.pump.abandon()
      // If the appliance is still running, the other filesystems may be in order.
      try guest.checkHelpers()
      try guest.unmount()
      if let lie {
        giveUp(filesystem, name: name, type: type, because: lie)
        return nil
      }
      findings.notMounted += 1
      guest.reporter.warning("filesystem on \(name) (\(type)) cannot be walked: \(error.firstLine)")
      return nil
    }
    switch try guest.pump.finish() {
    case .success(let walk): return walk
    case .failure(let lie):
      try guest.unmount()
      giveUp(filesystem, name: name, type: type, because: lie)
      return nil
    }
  }

  /// Reading files does not find what Btrfs stores in its trees, so without the trees the map lacks it.
  private mutating func warnOfUnknownTree(_ space: Guest.AddressSpace, type: String, name: String) {
    guard type == "btrfs", space.tree == nil || !space.isFollowed else { return }
    guest.incomplete += 1
    guest.reporter.warning(
      "filesystem on \(name) (btrfs): its trees cannot be read: small files and attributes stored in them are not in the map"
    )
  }

  /// Btrfs stores directories, small files and extended attributes in blocks that they share with other items nearby.
  /// The tree says which blocks.
  private func setBtrfsDirectories(of walk: inout WalkAssembler, _ space: Guest.AddressSpace) {
    guard let tree = space.tree, space.isFollowed else { return }
    // A replayed log is written to new blocks, which the guest's disk does not have.
    let written = guest.pump.written
    let isOnDisk = { (range: Range<UInt64>) in
      !(space.table.places(of: range, on: space.device) ?? []).contains { written.overlap($0) }
    }
    var directories: [Record.ObjectID: [Range<UInt64>]] = [:]
    for (inode, blocks) in tree.directories {
      guard let object = walk.inodes[inode] else { continue }
      directories[object, default: []] += blocks.filter(isOnDisk)
    }
    walk.setDirectories(directories)
    for data in tree.inlineData where isOnDisk(data.range) {
      walk.addInlineData(of: data.inode, data.range, offset: data.offset, isEncoded: data.isCompressed)
    }
    for attribute in tree.attributes where isOnDisk(attribute.range) {
      guard let object = walk.inodes[attribute.inode] else { continue }
      walk.addKept(object, attribute.range, offset: 0)
    }
  }

  private mutating func report(_ walk: WalkAssembler, on name: String) {
    guard walk.failureCount > 0 else { return }
    findings.unreadable += walk.failureCount
    for failure in walk.failures {
      // Symbolic links are not followed. The kernel reports ELOOP for a directory that is its own ancestor, the walker
      // for others that it comes to again.
      let reason =
        failure.errno == ELOOP
        ? "this directory is elsewhere, too, or within itself; it is mapped once"
        : String(cString: strerror(failure.errno))
      guest.reporter.detail("\(name): \(shown(failure.path)): \(reason)")
    }
  }

  mutating func addLaunchTime(_ seconds: Double) { findings.launchSeconds += seconds }
}
