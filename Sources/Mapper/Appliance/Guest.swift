import BlockMap
import BlockStack
import DiskImage
import Filesystems
import Glibc
import Guestfs
import WalkAssembly

/// A guest's disks in a running appliance: which devices exist, what they consist of, and how to mount their
/// filesystems.
///
/// Mapping and verification both start with a `Guest`. Anything that cannot be examined is reported when it is
/// found, and counted in `incomplete`.
package struct Guest {
  package let appliance: Guestfs
  package let pump: EventPump
  package let reporter: any Reporter
  /// All disks of the guest, in order.
  package let guestDisks: [GuestDisk]
  private let openRecorded: (Int, @escaping @Sendable () -> Bool) throws -> any VirtualDisk
  private let openOriginal: (Int, @escaping @Sendable () -> Bool) throws -> any VirtualDisk
  /// The disks in the appliance.
  package let set: DiskSet
  package let keys: [DeviceKey]
  package let isCancelled: @Sendable () -> Bool
  /// The number of warnings that mean that something is missing from the result.
  package var incomplete = 0
  /// The encrypted devices that were opened.
  package internal(set) var openedDevices: [OpenedDevice] = []
  package internal(set) var inventory = Inventory()
  /// Devices that were examined as a filesystem, or named in a warning.
  package var doneDevices: Set<[UInt8]> = []
  /// Logical volumes that LVM activates only on request. libguestfs does not list them.
  package var skippedVolumes: [[UInt8]] = []
  /// Whether a volume group lacks a disk.
  package var hasIncompleteGroups = false
  /// The arrays of Intel's firmware RAID that are running.
  var firmwareArrays: [FirmwareArray] = []
  /// The partitions of each disk, by disk number.
  package internal(set) var partitions: [Int: [KernelPartition]] = [:]
  /// The disks with a partition table that the kernel does not accept, and whose partitions it was given.
  package internal(set) var tablesOfOurs: Set<Int> = []
  package private(set) var devices = DeviceTable(parsing: "")
  /// The thin pools and the stores of snapshots.
  package internal(set) var volumeStores: [VolumeStore] = []

  package init(
    _ running: ApplianceSession.Running, reporter: any Reporter, keys: [DeviceKey],
    isCancelled: @escaping @Sendable () -> Bool
  ) {
    appliance = running.appliance
    pump = running.pump
    self.reporter = reporter
    self.isCancelled = isCancelled
    guestDisks = running.disks
    openRecorded = running.openRecorded
    openOriginal = running.openOriginal
    set = running.set
    self.keys = keys
  }

  /// Opens all disks, including what the appliance has written to them. They are read through the recorder, because
  /// an external NBD server may accept only one client.
  package func openRecordedDisks() throws -> [any VirtualDisk] {
    try guestDisks.indices.map { try openRecorded($0 + 1, isCancelled) }
  }

  /// Opens a disk as it was before the appliance wrote to it.
  func openOriginalDisk(_ number: Int) throws -> any VirtualDisk { try openOriginal(number, isCancelled) }

  /// Waits for the disks to appear and returns their libguestfs names. Throws `CopiesFound` if some are copies of
  /// others.
  package mutating func findDisks() throws -> [[UInt8]] {
    let labels = set.disks.map { Appliance.path(ofDisk: $0) }
    // The kernel probes disks in parallel, and not all may be there yet.
    let found = try appliance.shell(
      """
      \(KernelLog.keepMarks)
      \(Self.keepPartitions)
      for i in 1 2 3 4 5 6 7 8 9 10; do
        n=0; for d in \(labels.joined(separator: " ")); do [ -b $d ] || n=1; done
        [ $n = 0 ] && break
        sleep 1; \(Self.settled)
      done
      \(Self.settled)
      echo $n
      """)
    guard found.first == UInt8(ascii: "0") else { throw MapperError.appliance("it does not see all disks") }
    try separateCopies()
    try readPartitions()
    return set.disks.map { DiskName.of($0) }
  }

  /// Finds out what the guest's volumes consist of.
  package mutating func readDevices() throws {
    let script = DeviceTable.script(disks: set.disks)
    var table = DeviceTable(parsing: String(decoding: try appliance.longShell(script), as: UTF8.self))
    try readMetadataTargets(&table)
    devices = table
  }

  /// The address space in which a filesystem reports where its files are.
  package struct AddressSpace {
    package var table: DeviceTable
    package var device: Substring
    package var tree: BtrfsTree?

    package var isFollowed: Bool { table.isFollowed(device) }
  }

  /// Returns the address space of the mounted filesystem.
  package func addressSpace(of filesystem: Guestfs.Filesystem) throws -> AddressSpace {
    var table = devices
    if filesystemType(named: String(decoding: filesystem.type, as: UTF8.self)).hasLogicalAddresses {
      let text: [UInt8]?
      do {
        text = try appliance.longShell(BtrfsTree.script)
      } catch {
        try checkHelpers()
        text = nil
      }
      guard let text, let tree = BtrfsTree(parsing: String(decoding: text, as: UTF8.self)) else {
        reporter.detail(
          "\(shown(filesystem.mountable)): the tree cannot be read; directories are mapped where they were first read")
        return AddressSpace(table: table, device: BtrfsTree.device)
      }
      if let segments = tree.segments { table.add(BtrfsTree.device, madeOf: segments) }
      return AddressSpace(table: table, device: BtrfsTree.device, tree: tree)
    }
    return AddressSpace(table: table, device: inventory.number(under: filesystem.mountable) ?? "-")
  }

  /// A script that keeps partitions from disappearing for a moment.
  ///
  /// When a program closes a disk that it opened for writing, udev makes the kernel read the partition table again,
  /// and meanwhile there are no partitions. udev does this for the devices that it watches. So this rule tells it
  /// to watch none, and the list of devices that it watches already is emptied. Alternatively udev could process
  /// each device again to drop its watch, but that runs all its rules, which takes seconds if there are many
  /// devices. It is done only if the list does not exist.
  private static let keepPartitions = """
    mkdir -p /run/udev/rules.d
    echo 'ACTION!="remove", SUBSYSTEM=="block", OPTIONS+="nowatch"' > /run/udev/rules.d/99-virt-bmap.rules
    \(udevadm("control --reload")) && \(settled) || exit 1
    if [ -d /run/udev/watch ]; then
      rm -f /run/udev/watch/*
    else
      \(udevadm("trigger --subsystem-match=block")) && \(settled) || exit 1
    fi
    """

  /// A command that waits until udev in the appliance has nothing left to do.
  package static let settled = udevadm("settle")

  /// A command that runs udevadm up to three times. On a busy machine, udev sometimes closes the connection without
  /// a reply.
  static func udevadm(_ arguments: String) -> String {
    let command = "udevadm \(arguments)"
    return "{ \(command) || { sleep 1; \(command); } || { sleep 1; \(command); }; }"
  }

  /// Throws if the user has stopped the run, or if a helper process has exited. Such a failure must not be blamed
  /// on the guest.
  package func checkHelpers() throws {
    guard !isCancelled() else { throw MapperError.interrupted }
    try pump.check()
    guard appliance.isReady else { throw MapperError.appliance("it ended early") }
  }
}

/// Escapes a name for a message, so that it cannot control the terminal.
package func shown(_ name: [UInt8]) -> String { Escaping.text(name, as: .path) }
