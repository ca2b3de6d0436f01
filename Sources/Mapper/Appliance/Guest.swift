import BlockMap
import BlockStack
import DiskImage
import Glibc
import Guestfs
import WalkAssembly

/// A guest's disks in a running appliance: what devices there are, what they are made of, and how their filesystems are
/// mounted.
///
/// Mapping and verification both begin with one. What cannot be looked at is said as it is found, and counted.
package struct Guest {
  package let appliance: Guestfs
  package let pump: EventPump
  package let reporter: any Reporter
  /// All of the guest's, in their order.
  package let guestDisks: [GuestDisk]
  private let openRecorded: (Int, @escaping @Sendable () -> Bool) throws -> any VirtualDisk
  /// The disks that the appliance sees.
  package let set: DiskSet
  package let keys: [DeviceKey]
  package let isCancelled: @Sendable () -> Bool
  /// How many warnings said that something is missing.
  package var incomplete = 0
  /// The encrypted devices that are open.
  package internal(set) var openedDevices: [OpenedDevice] = []
  package internal(set) var inventory = Inventory()
  /// Devices that were examined as a filesystem, or that a warning has named.
  package var doneDevices: Set<[UInt8]> = []
  /// Logical volumes that are activated only when they are asked for, which libguestfs does not list.
  package var skippedVolumes: [[UInt8]] = []
  /// Whether a volume group misses a disk.
  package var hasIncompleteGroups = false
  /// Of each disk, by its number.
  package internal(set) var partitions: [Int: [KernelPartition]] = [:]
  /// The disks of which the kernel was given a table that it does not take.
  package internal(set) var tablesOfOurs: Set<Int> = []
  package private(set) var devices = DeviceTable(parsing: "")

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
    set = running.set
    self.keys = keys
  }

  /// All disks, with what the appliance has written. They are read through the recorder: another's server may have room for
  /// it only.
  package func openRecordedDisks() throws -> [any VirtualDisk] {
    try guestDisks.indices.map { try openRecorded($0 + 1, isCancelled) }
  }

  /// The disks, as libguestfs names them. Throws `CopiesFound` where some are copies of others.
  package mutating func findDisks() throws -> [[UInt8]] {
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
  package mutating func readDevices() throws {
    let script = DeviceTable.script(disks: set.disks)
    devices = DeviceTable(parsing: String(decoding: try appliance.longShell(script), as: UTF8.self))
  }

  /// What a device's name may have in it to get near a shell.
  package func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
    default: "+_.-/".utf8.contains(byte)
    }
  }

  /// The addresses by which a filesystem says where its files are.
  package struct AddressSpace {
    package var table: DeviceTable
    package var device: Substring
    package var tree: BtrfsTree?

    package var isFollowed: Bool { table.isFollowed(device) }
  }

  /// The addresses of the filesystem that is mounted.
  package func addressSpace(of filesystem: Guestfs.Filesystem) throws -> AddressSpace {
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
          "\(shown(filesystem.mountable)): the tree cannot be read; directories are mapped where they were first read")
        return AddressSpace(table: table, device: BtrfsTree.device)
      }
      if let segments = tree.segments { table.add(BtrfsTree.device, madeOf: segments) }
      return AddressSpace(table: table, device: BtrfsTree.device, tree: tree)
    }
    return AddressSpace(table: table, device: inventory.number(under: filesystem.mountable) ?? "-")
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
  package static let settled = "udevadm settle"
  /// What fails because the user has stopped the run or a helper is gone is not the guest's fault.
  package func checkHelpers() throws {
    guard !isCancelled() else { throw MapperError.interrupted }
    try pump.check()
    guard appliance.isReady else { throw MapperError.appliance("it ended early") }
  }
}

/// A name for a message, which must not play tricks on a terminal.
package func shown(_ name: [UInt8]) -> String { Escaping.text(name, as: .path) }
