import FoundationEssentials
import Glibc
import SystemPackage

/// The guests that the tests map. Each is stored in .build until its script, scripts/guest-lib.sh or the list of
/// files in /boot changes.
enum Guests {
  /// Every layer and filesystem.
  static let layers = Shared { try await build("layers", script: "Tests/Integration/Guests/make-layers-guest") }
  /// The next version of the demo guest.
  static let rebuilt = Shared { try await build("rebuilt", script: "Tests/Integration/Guests/make-rebuilt-guest") }
  /// RAID arrays and mirrored or striped volumes.
  static let raid = Shared { try await build("raid", script: "Tests/Integration/Guests/make-raid-guest") }
  /// Arrays with partition tables on them.
  static let arrays = Shared { try await build("arrays", script: "Tests/Integration/Guests/make-arrays-guest") }
  /// Arrays with rare layouts.
  static let layouts = Shared { try await build("layouts", script: "Tests/Integration/Guests/make-layouts-guest") }
  /// Partition tables, volume groups, arrays and encrypted devices with unused parts; thin volumes and snapshots.
  static let volumes = Shared { try await build("volumes", script: "Tests/Integration/Guests/make-volumes-guest") }
  /// BitLocker volumes.
  static let bitLocker = Shared {
    try await build("bitlocker", script: "Tests/Integration/Guests/make-bitlocker-guest")
  }
  /// Many thin volumes in one pool, cached volumes with dirty blocks, and damaged ones of both kinds.
  static let thin = Shared { try await build("thin", script: "Tests/Integration/Guests/make-thin-guest") }
  /// Two disks that need each other, with encrypted volumes.
  static let disks = Shared { try await build("disks", script: "Tests/Integration/Guests/make-disks-guest") }
  /// Two disks, copies of both that were used on their own afterwards, and a disk with a copy of one of its
  /// partitions.
  static let copies = Shared { try await build("copies", script: "Tests/Integration/Guests/make-copies-guest") }
  /// Small disks, each with one unusual feature.
  static let cases = Shared { try await build("cases", script: "Tests/Integration/Guests/make-cases-guest") }
  /// A guest that lost power.
  static let dirty = Shared { try await build("dirty", script: "Tests/Integration/Guests/make-dirty-guest") }
  /// NTFS as Windows leaves it.
  static let windows = Shared { try await build("windows", script: "Tests/Integration/Guests/make-windows-guest") }
  /// Files with space that holds none of their bytes.
  static let unwritten = Shared {
    try await build("unwritten", script: "Tests/Integration/Guests/make-unwritten-guest")
  }
  /// A disk in two states, and snapshots with the same two states.
  static let changed = Shared { try await build("changed", script: "Tests/Integration/Guests/make-changed-guest") }
  /// ext2/3/4 and XFS with all kinds of metadata.
  static let space = Shared { try await build("space", script: "Tests/Integration/Guests/make-space-guest") }
  /// Btrfs and NTFS on LVM, md and LUKS, and XFS on LUKS.
  static let stacks = Shared { try await build("stacks", script: "Tests/Integration/Guests/make-stacks-guest") }
  /// A Debian root filesystem on every kind of storage.
  static let debian = Shared {
    try await build("debian", script: "Tests/Integration/Guests/make-debian-guest", limit: .seconds(3600))
  }
  /// A Debian root filesystem on each type of filesystem, on partitions and on thin volumes.
  static let roots = Shared {
    try await build("roots", script: "Tests/Integration/Guests/make-roots-guest", limit: .seconds(3600))
  }
  /// A Debian that boots. It is not named "debian-boot": `build` removes older versions by prefix, so no guest's name
  /// may start with another guest's name and a hyphen.
  static let debianBoot = Shared {
    try await build("boot", script: "Tests/Integration/Guests/make-debian-boot-guest", limit: .seconds(3600))
  }
  /// The small demo guest, which boots.
  static let demo = Shared { try await build("demo", script: "examples/make-guest") }

  private static func build(
    _ name: String, script: String, limit: Duration = .seconds(1800)
  ) async throws -> FilePath {
    let root = Products.package.appending(".build/integration")
    let program = Products.package.appending(script)
    var ingredients = try [UInt8](contentsOf: program)
    ingredients += try [UInt8](contentsOf: Products.package.appending("scripts/guest-lib.sh"))
    ingredients += try names(in: "/boot").joined(separator: "\n").utf8
    let directory = root.appending("\(name)-\(String(fingerprint(ingredients), radix: 16))")
    if exists(directory) { return directory }
    try FileManager.default.createDirectory(atPath: root.string, withIntermediateDirectories: true)
    // Remove what earlier versions of the script made.
    for old in try names(in: root) where old.hasPrefix(name + "-") {
      try FileManager.default.removeItem(atPath: root.appending(old).string)
    }
    let unfinished = root.appending("\(name)-unfinished")
    try await Slots.virtualMachines.run {
      _ = try await tool(
        program.string, [unfinished],
        environment: [
          "LIBGUESTFS_BACKEND_SETTINGS": MapperRun.emulated, "LIBGUESTFS_CACHEDIR": "/var/tmp",
          // The same as virt-bmap sets for itself.
          "LIBGUESTFS_APPEND": "clearcpuid=erms,fsrm",
        ],
        limit: limit)
    }
    guard rename(unfinished.string, directory.string) == 0 else { throw Errno(rawValue: errno) }
    return directory
  }

  /// FNV-1a.
  private static func fingerprint(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

/// What was put into the layers guest.
struct Manifest {
  struct Entry: Decodable {
    var device: String
    var type: String
    var size: UInt64?
    var links: Int?
    var sha256: String?
    var compressed: Bool?
    /// In hex.
    private var path: String

    var bytes: [UInt8] {
      stride(from: 0, to: path.utf8.count, by: 2).compactMap { index in
        let start = path.utf8.index(path.startIndex, offsetBy: index)
        return UInt8(path[start..<path.utf8.index(start, offsetBy: 2)], radix: 16)
      }
    }
    var name: ObjectName { ObjectName(device: device, path: bytes) }
  }

  var files: [Entry] = []
  var directories: [Entry] = []

  init(contentsOf path: FilePath) throws {
    let decoder = JSONDecoder()
    for line in try [UInt8](contentsOf: path).split(separator: 0x0a) {
      let entry = try decoder.decode(Entry.self, from: Data(line))
      if entry.type == "f" { files.append(entry) } else { directories.append(entry) }
    }
  }
}
