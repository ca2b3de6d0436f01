import BlockMap
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
  /// Filesystems that could not be mounted.
  public internal(set) var notMounted = 0
  /// Seconds the appliance took to start, and the walks together.
  public internal(set) var launchSeconds = 0.0
  public internal(set) var walkSeconds = 0.0
}

/// Looks at everything on a launched appliance's disk and puts it into a map.
struct Examiner {
  private static let walkerName = "/tmp/virt-bmap-walker"

  let appliance: Guestfs
  let pump: EventPump
  let reporter: any Reporter
  let diskSize: UInt64
  let isCancelled: @Sendable () -> Bool
  private(set) var map = BlockMapBuilder()
  private(set) var findings = Findings()

  init(
    appliance: Guestfs, pump: EventPump, reporter: any Reporter, disk: DiskDescription,
    isCancelled: @escaping @Sendable () -> Bool
  ) {
    self.appliance = appliance
    self.pump = pump
    self.reporter = reporter
    self.isCancelled = isCancelled
    diskSize = disk.size
    map.addDisk(disk)
  }

  mutating func run(walker: String) throws {
    guard let disk = try appliance.listDevices().first else {
      throw MapperError.appliance("it sees no disk")
    }
    add(.disk, disk, [DeviceTable.Place(range: 0..<diskSize, offset: 0)])
    try settle()
    try examinePartitions(of: disk)
    try examineLogicalVolumes()
    try appliance.uploadToAppliance(walker, name: Self.walkerName, mode: 0o755)
    // Requests put together, pieces of a file that are neighbours in the wrong order would look like one.
    _ = try appliance.shell("for f in /sys/block/*/queue/nomerges; do echo 2 > $f; done")
    let kernelDisk = try appliance.shell("printf %s $(readlink -f /dev/disk/guestfs/\(Appliance.diskLabel))")
    for var filesystem in try listFilesystems(of: disk) where try isWanted(filesystem) {
      guard !isCancelled() else { throw MapperError.interrupted }
      filesystem.mountable = renamed(filesystem.mountable, from: kernelDisk, to: disk)
      try examine(filesystem)
    }
  }

  /// One subvolume of Btrfs with a name that libguestfs cannot read makes its list of all filesystems fail; then they
  /// are looked for one by one.
  private mutating func listFilesystems(of disk: [UInt8]) throws -> [Guestfs.Filesystem] {
    do {
      return try appliance.listFilesystems()
    } catch {
      guard !isCancelled() else { throw MapperError.interrupted }
      try pump.check()
      reporter.warning("the list of filesystems is incomplete: \(error.firstLine)")
    }
    try appliance.unmountAll()
    let partitions = try appliance.listPartitions()
    let devices =
      try [disk] + partitions + appliance.listArrays() + appliance.listLogicalVolumes()
    var result: [Guestfs.Filesystem] = []
    for device in devices {
      guard let type = try? appliance.filesystemType(of: device), !type.isEmpty else { continue }
      result.append(Guestfs.Filesystem(mountable: device, type: type))
      guard type == Array("btrfs".utf8) else { continue }
      for path in (try? subvolumes(of: device)) ?? [] {
        result.append(
          Guestfs.Filesystem(mountable: Array("btrfsvol:".utf8) + device + [0x2f] + path, type: type))
      }
    }
    return result
  }

  private func subvolumes(of device: [UInt8]) throws -> [[UInt8]] {
    try appliance.mountReadOnly(device)
    defer { try? appliance.unmountAll() }
    return try appliance.subvolumesOfRoot()
  }

  private mutating func add(_ kind: ObjectKind, _ device: [UInt8], _ places: [DeviceTable.Place]) {
    guard let object = map.addObject(kind: kind, device: device) else { return }
    for place in places { map.addRange(of: object, disk: 1, range: place.range, objectOffset: place.offset) }
  }

  private mutating func examinePartitions(of disk: [UInt8]) throws {
    // A disk without a partition table has no list of partitions, which is not an error.
    guard let table = try? appliance.partitions(of: disk) else { return }
    try settle()
    for partition in try appliance.listPartitions() where try appliance.disk(of: partition) == disk {
      reporter.message("examining \(shown(partition)) ...")
      let number = try appliance.number(of: partition)
      guard let entry = table.first(where: { $0.number == number }) else { continue }
      findings.partitions += 1
      add(.partition, partition, [DeviceTable.Place(range: entry.range, offset: 0)])
    }
  }

  private mutating func examineLogicalVolumes() throws {
    let volumes = try appliance.listLogicalVolumes()
    guard !volumes.isEmpty else { return }
    let table = try deviceTable()
    for volume in volumes {
      reporter.message("examining \(shown(volume)) ...")
      findings.logicalVolumes += 1
      let number = try deviceNumber(of: volume)
      guard let places = number.flatMap({ table.places(of: $0[...]) }), !places.isEmpty else {
        reporter.warning("\(shown(volume)): not a linear volume; what is in it is mapped, the volume itself is not")
        continue
      }
      add(.logicalVolume, volume, places)
    }
  }

  private func deviceTable() throws -> DeviceTable {
    DeviceTable(parsing: String(decoding: try appliance.longShell(DeviceTable.script), as: UTF8.self))
  }

  private func deviceNumber(of volume: [UInt8]) throws -> String? {
    // LVM allows letters, digits and +_.- in names; anything else does not get near a shell.
    let name = String(decoding: volume, as: UTF8.self)
    guard name.utf8.allSatisfy({ isNameByte($0) }) else { return nil }
    let output = String(decoding: try appliance.shell("stat -L -c '%t %T' \(name)"), as: UTF8.self)
    let fields = output.split(whereSeparator: \.isWhitespace)
    guard fields.count == 2, let major = UInt32(fields[0], radix: 16), let minor = UInt32(fields[1], radix: 16) else {
      return nil
    }
    return "\(major):\(minor)"
  }

  private func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
    default: "+_.-/".utf8.contains(byte)
    }
  }

  /// libguestfs gives disks their names in the order in which they were added, whatever the appliance's kernel calls
  /// them; in the mountables of Btrfs subvolumes 1.48 leaves the kernel's name.
  private func renamed(_ mountable: [UInt8], from kernelDisk: [UInt8], to disk: [UInt8]) -> [UInt8] {
    let prefix = Array("btrfsvol:".utf8)
    guard !kernelDisk.isEmpty, mountable.starts(with: prefix + kernelDisk) else { return mountable }
    return prefix + disk + mountable.dropFirst(prefix.count + kernelDisk.count)
  }

  /// Not swap, nothing without a filesystem, and not the channel, which is a disk of the appliance's as well.
  private func isWanted(_ filesystem: Guestfs.Filesystem) throws -> Bool {
    let type = String(decoding: filesystem.type, as: UTF8.self)
    guard !["swap", "unknown", ""].contains(type) else { return false }
    return try appliance.listDevices().dropFirst().allSatisfy { $0 != filesystem.mountable }
  }

  private mutating func examine(_ filesystem: Guestfs.Filesystem) throws {
    let name = shown(filesystem.mountable)
    let type = String(decoding: filesystem.type, as: UTF8.self)
    reporter.message("examining filesystem on \(name) (\(type)) ...")
    do {
      try mount(filesystem.mountable)
    } catch {
      try checkHelpers()
      findings.notMounted += 1
      reporter.warning("filesystem on \(name) (\(type)) cannot be mounted: \(error.firstLine)")
      return
    }
    let start = ContinuousClock.now
    pump.begin()
    do {
      _ = try appliance.shell("\(Self.walkerName) /dev/disk/guestfs/\(Appliance.channelLabel) /sysroot")
    } catch {
      reporter.progress(nil)
      // If the appliance is still there, the other filesystems may be in order.
      try checkHelpers()
      try appliance.unmountAll()
      findings.notMounted += 1
      reporter.warning("filesystem on \(name) (\(type)) cannot be walked: \(error.firstLine)")
      return
    }
    var walk = try pump.finish()
    reporter.progress(nil)
    if type == "btrfs" { try examineBtrfsDirectories(of: &walk, on: name) }
    findings.walkSeconds += (ContinuousClock.now - start) / .seconds(1)
    try appliance.unmountAll()
    report(walk, on: name)
    let left = walk.add(to: &map, device: filesystem.mountable)
    if left > 0 { reporter.warning("filesystem on \(name): \(left) paths are too long for a map") }
    findings.filesystems += 1
    findings.directories += walk.tree.directories
    findings.files += walk.tree.files
  }

  /// Mounts on /sysroot, with readahead off: ntfs-3g opens its device when it is mounted.
  ///
  /// After something had a disk open to write, udev in the appliance has the kernel read the partition table again, and
  /// for a moment there are no partitions.
  private func mount(_ mountable: [UInt8]) throws(GuestfsError) {
    var attempts = 3
    while true {
      do {
        try settle()
        try appliance.setReadahead(try appliance.device(of: mountable), sectors: 0)
        return try appliance.mountReadOnly(mountable)
      } catch {
        attempts -= 1
        guard attempts > 0, error.description.contains(String(cString: strerror(ENOENT))) else { throw error }
      }
    }
  }

  /// Waits until udev in the appliance has nothing left to do.
  private func settle() throws(GuestfsError) { _ = try appliance.shell("udevadm settle") }

  /// What fails because the user has stopped the run or a helper is gone is not the guest's fault.
  private func checkHelpers() throws {
    guard !isCancelled() else { throw MapperError.interrupted }
    try pump.check()
    guard appliance.isReady else { throw MapperError.appliance("it ended early") }
  }

  /// Directories on Btrfs are in blocks they share with everything near them; the tree says which.
  private func examineBtrfsDirectories(of walk: inout WalkAssembler, on name: String) throws {
    let text: [UInt8]
    do {
      text = try appliance.longShell(BtrfsTree.script)
    } catch {
      try checkHelpers()
      return reporter.detail("\(name): the tree cannot be read; directories are where they were first read")
    }
    guard let tree = BtrfsTree(parsing: String(decoding: text, as: UTF8.self)) else {
      return reporter.detail("\(name): the tree is not on one device; directories are where they were first read")
    }
    let table = try deviceTable()
    var directories: [Record.ObjectID: [Range<UInt64>]] = [:]
    for (inode, blocks) in tree.directories {
      guard let object = walk.inodes[inode] else { continue }
      for block in blocks {
        directories[object, default: []] += table.places(of: block, on: tree.device[...])?.map(\.range) ?? []
      }
    }
    walk.setDirectories(directories)
  }

  private mutating func report(_ walk: WalkAssembler, on name: String) {
    guard walk.failureCount > 0 else { return }
    findings.unreadable += walk.failureCount
    for failure in walk.failures {
      reporter.detail("\(name): \(shown(failure.path)): \(String(cString: strerror(failure.errno)))")
    }
  }

  mutating func setLaunchTime(_ seconds: Double) { findings.launchSeconds = seconds }
}

/// A name for a message, which must not play tricks on a terminal.
private func shown(_ name: [UInt8]) -> String { Escaping.text(name, as: .path) }
