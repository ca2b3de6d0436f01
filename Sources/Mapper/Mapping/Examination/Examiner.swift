import BlockMap
import DiskImage
import Glibc
import Guestfs
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
  /// Volumes that could not be looked into, damaged partition tables, and filesystems with paths that a map cannot hold.
  public internal(set) var incomplete = 0
  /// Filesystems that could not be mounted.
  public internal(set) var notMounted = 0
  /// Seconds the appliance took to start, and the walks together.
  public internal(set) var launchSeconds = 0.0
  public internal(set) var walkSeconds = 0.0

  /// Whether there is more in the guest than the map says.
  public var isPartial: Bool { unreadable > 0 || notMounted > 0 || incomplete > 0 }
}

/// Looks at everything on a launched appliance's disks and puts it into a map.
struct Examiner {
  static let walkerName = "/tmp/virt-bmap-walker"

  let appliance: Guestfs
  let pump: EventPump
  let reporter: any Reporter
  let guestDisks: [GuestDisk]
  private let openRecorded: (Int, @escaping @Sendable () -> Bool) throws -> any VirtualDisk
  /// Those that the appliance sees.
  let set: DiskSet
  let method: MapMethod
  let keys: [DeviceKey]
  let isCancelled: @Sendable () -> Bool
  /// What the disks may be opened in spite of, when they are compared with what the guest reads.
  var options = OpenOptions()
  var map: BlockMapBuilder
  var findings = Findings()
  /// The encrypted devices that are open.
  var openedDevices: [OpenedDevice] = []
  var inventory = Inventory()
  /// Devices that were examined as a filesystem, or that a warning has named.
  var doneDevices: Set<[UInt8]> = []
  /// Logical volumes that are activated only when they are asked for, which libguestfs does not list.
  var skippedVolumes: [[UInt8]] = []
  /// Whether a volume group misses a disk.
  var hasIncompleteGroups = false
  /// Of each disk, by its number.
  var partitions: [Int: [KernelPartition]] = [:]
  /// The disks of which the kernel was given a table that it does not take.
  var tablesOfOurs: Set<Int> = []
  private(set) var devices = DeviceTable(parsing: "")

  init(
    _ running: ApplianceSession.Running, reporter: any Reporter, method: MapMethod, keys: [DeviceKey],
    mostMapBytes: UInt64 = .max, isCancelled: @escaping @Sendable () -> Bool
  ) {
    appliance = running.appliance
    pump = running.pump
    self.reporter = reporter
    self.isCancelled = isCancelled
    guestDisks = running.disks
    openRecorded = running.openRecorded
    set = running.set
    self.method = method
    self.keys = keys
    map = BlockMapBuilder(mostBytes: mostMapBytes)
    for disk in guestDisks { map.addDisk(disk.description) }
  }

  /// All disks, with what the appliance has written. They are read through the recorder: another's server may have room for
  /// it only.
  func openRecordedDisks() throws -> [any VirtualDisk] {
    try guestDisks.indices.map { try openRecorded($0 + 1, isCancelled) }
  }

  mutating func run(walker: String) throws {
    let disks = try findDisks()
    warnOfLargeDisks()
    warnOfDoubts()
    for (number, disk) in zip(set.disks, disks) {
      add(.disk, disk, [DeviceTable.Place(disk: number, range: 0..<guestDisks[number - 1].size, offset: 0)])
      examinePartitions(of: disk, number: number)
    }
    try openEncryptedDevices(on: disks)
    try readDevices()
    try settleAmbivalentDevices()
    warnOfTwins()
    try warnOfDegradedArrays()
    try examineLogicalVolumes()
    examineArrays()
    examineStackedPartitions()
    examineOpenedDevices()
    examineParity()
    try appliance.uploadToAppliance(walker, name: Self.walkerName, mode: 0o755)
    describeDevices()
    try examineVolumeMetadata(disks: disks)
    for filesystem in try listFilesystems() {
      guard !isCancelled() else { throw MapperError.interrupted }
      try examine(filesystem)
      try examineMetadata(of: filesystem)
    }
    try examineCoverage()
    warnOfUnreadableDisks()
  }

  private mutating func warnOfLargeDisks() {
    for disk in set.disks.map({ guestDisks[$0 - 1] }) where disk.size > RecorderExport.mostBytes {
      findings.incomplete += 1
      reporter.warning(
        "\(shown(disk.description.file)): the appliance cannot see what lies beyond \(RecorderExport.mostBytes) bytes")
    }
  }

  /// Not every filesystem reports that it could not read something: FAT goes on without a part of a directory.
  private mutating func warnOfUnreadableDisks() {
    for (number, offset) in pump.unreadable.sorted(by: { $0.key < $1.key }) {
      guard number >= 1, number <= guestDisks.count else { continue }
      findings.incomplete += 1
      reporter.warning(
        "\(shown(guestDisks[Int(number) - 1].description.file)): some of it cannot be read: a read at offset \(offset) "
          + "failed; what lies there may be missing from the map")
    }
  }

  /// The disks, as libguestfs names them. Throws `CopiesFound` where some are copies of others.
  mutating func findDisks() throws -> [[UInt8]] {
    let labels = set.disks.map { Appliance.path(ofDisk: $0) }
    // The kernel looks at its disks one beside the other, and not all may be there yet.
    let found = try appliance.shell(
      """
      \(KernelLog.keepMarks)
      \(Self.keepPartitions)
      for i in 1 2 3 4 5 6 7 8 9 10; do
        n=0; for d in \(labels.joined(separator: " ")); do [ -b $d ] || n=1; done
        [ $n = 0 ] && break
        sleep 1; udevadm settle
      done
      \(Self.settled)
      echo $n
      """)
    guard found.first == UInt8(ascii: "0") else { throw MapperError.appliance("it does not see all disks") }
    try separateCopies()
    try readPartitions()
    return set.disks.map { DiskName.of($0) }
  }

  /// Finds out what the guest's volumes are made of.
  mutating func readDevices() throws {
    let script = DeviceTable.script(disks: set.disks)
    devices = DeviceTable(parsing: String(decoding: try appliance.longShell(script), as: UTF8.self))
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
    try warnOfIncompleteGroups()
    for volume in inventory.logicalVolumes {
      reporter.message("examining \(shown(volume)) ...")
      findings.logicalVolumes += 1
      guard let number = inventory.number(of: volume) else { continue }
      guard let places = devices.places(of: number), !places.isEmpty else {
        reporter.warning(
          "\(shown(volume)): this kind of volume is not followed; what is in it is mapped, itself it is not")
        continue
      }
      add(.logicalVolume, volume, places)
    }
  }

  /// What an array keeps beside its data, to bring back what a lost device had.
  private mutating func examineParity() {
    for array in inventory.arrays + inventory.logicalVolumes {
      guard let number = inventory.number(of: array) else { continue }
      addParity(of: number, to: array, devices)
    }
  }

  /// - Parameter number: as the table knows what has parity.
  mutating func addParity(of number: Substring, to device: [UInt8], _ table: DeviceTable) {
    guard let places = table.parity(of: number) else {
      return reporter.detail("\(shown(device)): its parity is in too many pieces and is not in the map")
    }
    if !places.isEmpty { add(.raid, device, places) }
  }

  func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
    default: "+_.-/".utf8.contains(byte)
    }
  }

  private mutating func examine(_ filesystem: Guestfs.Filesystem) throws {
    let name = shown(filesystem.mountable)
    let type = String(decoding: filesystem.type, as: UTF8.self)
    doneDevices.insert(filesystem.mountable)
    reporter.message("examining filesystem on \(name) (\(type)) ...")
    do {
      try mount(filesystem)
    } catch {
      try checkHelpers()
      findings.notMounted += 1
      reporter.warning("filesystem on \(name) (\(type)) cannot be mounted: \(reason(error, filesystem))")
      return
    }
    let start = ContinuousClock.now
    let result: WalkAssembler?
    do {
      try warnOfMissingDevices(of: filesystem)
      result = try walked(filesystem, name: name, type: type)
    } catch let error as GuestfsError {
      // If the appliance is still there, the other filesystems may be in order.
      try checkHelpers()
      try unmount()
      findings.notMounted += 1
      reporter.warning("filesystem on \(name) (\(type)) cannot be examined: \(error.firstLine)")
      return
    }
    guard let walk = result else { return }
    findings.walkSeconds += (ContinuousClock.now - start) / .seconds(1)
    report(walk, on: name)
    let left = walk.add(to: &map, device: filesystem.mountable, isCancelled: isCancelled)
    guard !isCancelled() else { throw MapperError.interrupted }
    guard !map.isTooLarge else { throw MapError.tooLarge(map.mostBytes) }
    if left > 0 {
      findings.incomplete += 1
      reporter.warning("filesystem on \(name): \(left) paths are too long for a map")
    }
    findings.filesystems += 1
    findings.directories += walk.tree.directories
    findings.files += walk.tree.files
  }

  /// Walks the filesystem that is mounted, by `method` where that is possible, and unmounts it.
  /// - Returns: nil where it cannot be walked, which has been said.
  private mutating func walked(
    _ filesystem: Guestfs.Filesystem, name: String, type: String
  ) throws -> WalkAssembler? {
    var method = method
    let space = try addressSpace(of: filesystem)
    warnOfUnknownTree(space, type: type, name: name)
    while true {
      if method != .read, !space.isFollowed {
        reporter.detail("\(name): the volumes below are not followed; everything is read")
        method = .read
      }
      guard var walk = try walk(filesystem, name: name, type: type, method: method) else { return nil }
      setBtrfsDirectories(of: &walk, space)
      try addKeptBlocks(to: &walk, type: type, space, name: name)
      try addEncryptedFiles(to: &walk, space, name: name)
      var wrong = walk.resolve(
        space.table, device: space.device, isAllRead: method == .read, isCancelled: isCancelled)
      guard !isCancelled() else { throw MapperError.interrupted }
      if let excess = walk.excess {
        try unmount()
        giveUp(filesystem, name: name, type: type, because: excess)
        return nil
      }
      if method == .read {
        try proveRead(&walk, type: type, space, name: name)
        wrong = nil
      } else if wrong == nil {
        wrong = try filesWithOtherBytes(walk.unseen, in: walk, type: type, space).min()
      }
      try unmount()
      guard let wrong else { return walk }
      reporter.warning(
        "filesystem on \(name) (\(type)): \(shown(walk.tree.path(of: wrong))) is not where the filesystem says; "
          + "everything is read")
      method = .read
      try mount(filesystem)
    }
  }

  /// Runs the walker on the filesystem that is mounted.
  /// - Returns: nil where it cannot be walked, which has been said; the filesystem is unmounted then.
  private mutating func walk(
    _ filesystem: Guestfs.Filesystem, name: String, type: String, method: MapMethod
  ) throws -> WalkAssembler? {
    pump.begin(bounds(of: filesystem, type: type))
    let watch = try WalkWatch(pump)
    defer { reporter.progress(nil) }
    do {
      // Requests put together, pieces of a file that are neighbours in the wrong order would look like one. A walker that
      // came to no end may have left it so.
      _ = try appliance.shell(
        """
        for f in /sys/block/*/queue/nomerges; do echo 2 > $f; done
        \(Self.walkScript(method))
        """)
      watch.stop()
    } catch {
      watch.stop()
      let lie = pump.abandon()
      // If the appliance is still there, the other filesystems may be in order.
      try checkHelpers()
      try unmount()
      if let lie {
        giveUp(filesystem, name: name, type: type, because: lie)
        return nil
      }
      findings.notMounted += 1
      reporter.warning("filesystem on \(name) (\(type)) cannot be walked: \(error.firstLine)")
      return nil
    }
    switch try pump.finish() {
    case .success(let walk): return walk
    case .failure(let lie):
      try unmount()
      giveUp(filesystem, name: name, type: type, because: lie)
      return nil
    }
  }

  /// The addresses by which a filesystem says where its files are.
  struct AddressSpace {
    var table: DeviceTable
    var device: Substring
    var tree: BtrfsTree?

    var isFollowed: Bool { table.isFollowed(device) }
  }

  /// The addresses of the filesystem that is mounted.
  func addressSpace(of filesystem: Guestfs.Filesystem) throws -> AddressSpace {
    var table = devices
    if filesystem.type.elementsEqual("btrfs".utf8) {
      let text: [UInt8]?
      do {
        text = try appliance.longShell(BtrfsTree.script)
      } catch {
        try checkHelpers()
        text = nil
      }
      guard let text, let tree = BtrfsTree(parsing: String(decoding: text, as: UTF8.self)) else {
        reporter.detail(
          "\(shown(filesystem.mountable)): the tree cannot be read; directories are where they were first read")
        return AddressSpace(table: table, device: BtrfsTree.device)
      }
      if let segments = tree.segments { table.add(BtrfsTree.device, madeOf: segments) }
      return AddressSpace(table: table, device: BtrfsTree.device, tree: tree)
    }
    return AddressSpace(table: table, device: inventory.number(under: filesystem.mountable) ?? "-")
  }

  /// Without its tree, what Btrfs keeps in there is not found by reading either.
  private mutating func warnOfUnknownTree(_ space: AddressSpace, type: String, name: String) {
    guard type == "btrfs", space.tree == nil || !space.isFollowed else { return }
    findings.incomplete += 1
    reporter.warning(
      "filesystem on \(name) (btrfs): its trees cannot be followed: small files and attributes in them are not in the map"
    )
  }

  /// Directories on Btrfs are in blocks they share with everything near them, small files and extended attributes in such
  /// blocks; the tree says which.
  private func setBtrfsDirectories(of walk: inout WalkAssembler, _ space: AddressSpace) {
    guard let tree = space.tree, space.isFollowed else { return }
    // What was replayed of a log is in new blocks, of which the guest's disk knows nothing.
    let written = pump.written
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

  /// After something had a disk open to write, udev in the appliance has the kernel read the partition table again, and
  /// for a moment there are no partitions. It does so for devices it watches: here it is told to watch none, and the list
  /// by which it knows those that it watches already is emptied. To have it look at each device again, so that it drops
  /// its watch, would run all its rules, seconds of work where there are many devices.
  private static let keepPartitions = """
    mkdir -p /run/udev/rules.d
    echo 'ACTION!="remove", SUBSYSTEM=="block", OPTIONS+="nowatch"' > /run/udev/rules.d/99-virt-bmap.rules
    udevadm control --reload && udevadm settle || exit 1
    if [ -d /run/udev/watch ]; then
      rm -f /run/udev/watch/*
    else
      udevadm trigger --subsystem-match=block && udevadm settle || exit 1
    fi
    """

  /// In a script: waits until udev in the appliance has nothing left to do.
  static let settled = "udevadm settle"
  /// What fails because the user has stopped the run or a helper is gone is not the guest's fault.
  func checkHelpers() throws {
    guard !isCancelled() else { throw MapperError.interrupted }
    try pump.check()
    guard appliance.isReady else { throw MapperError.appliance("it ended early") }
  }

  private mutating func report(_ walk: WalkAssembler, on name: String) {
    guard walk.failureCount > 0 else { return }
    findings.unreadable += walk.failureCount
    for failure in walk.failures {
      // It follows no symbolic link: the kernel says this of a directory that is its own ancestor, the walker of others.
      let reason =
        failure.errno == ELOOP
        ? "this directory is elsewhere, too, or within itself; it is mapped once"
        : String(cString: strerror(failure.errno))
      reporter.detail("\(name): \(shown(failure.path)): \(reason)")
    }
  }

  mutating func addLaunchTime(_ seconds: Double) { findings.launchSeconds += seconds }
}

/// A name for a message, which must not play tricks on a terminal.
func shown(_ name: [UInt8]) -> String { Escaping.text(name, as: .path) }
