import FoundationEssentials
import SystemPackage

/// What the kernel (filefrag and find) and LVM report about the layers guest.
struct LayersOracle: Sendable {
  /// An extent as filefrag reports it, in bytes.
  struct Extent: Sendable {
    var offset: UInt64
    /// Offset on the filesystem's device; on Btrfs, a logical address that still has to be translated.
    var physical: UInt64
    var length: UInt64
    var flags: Set<String>
  }

  struct File: Sendable {
    var size: UInt64
    var inode: UInt64
    var extents: [Extent]
  }

  /// A segment of a logical volume.
  struct Segment: Sendable {
    var volume: String
    /// The offset in the volume, the offset on the physical volume, and the length, all in bytes.
    var offset: UInt64
    var physical: UInt64
    var length: UInt64
  }

  var files: [ObjectName: File] = [:]
  /// The sizes of directories, in bytes.
  var directorySizes: [ObjectName: UInt64] = [:]
  var segments: [Segment] = []

  static let shared = Shared {
    let guest = try await Guests.layers.value
    return try await LayersOracle(disk: guest.appending("layers.raw"))
  }

  private static let mounts = [
    // By label, because the kernel may see the disks in any order.
    ("/dev/sda1", "/dev/disk/guestfs/guest1"), ("/dev/sda3", "/dev/disk/guestfs/guest3"),
    ("btrfsvol:/dev/sda3/sub", "-o subvol=sub /dev/disk/guestfs/guest3"), ("/dev/vg/root", "/dev/vg/root"),
    ("/dev/vg/xfs", "/dev/vg/xfs"),
  ]

  private init(disk: FilePath) async throws {
    let scratch = try Scratch()
    // find stops at 15 levels because the path of deep-file is too long for any system call. Its contents are
    // compared with the manifest, like those of every other file.
    var script = """
      export LC_ALL=C
      mkdir /tmp/m
      echo "segments $(lvm pvs --noheadings --units b --nosuffix --segments --separator , \
        -o lv_name,seg_start,pvseg_start,pvseg_size,vg_extent_size,pe_start | tr -d ' ' | tr '\\n' ' ')"

      """
    for (name, mount) in Self.mounts {
      script += """
        mount -o ro \(mount) /tmp/m && cd /tmp/m
        echo "names \(name) $(find . -maxdepth 15 -xdev -type f -printf '%s %i %P\\0' | base64 -w0)"
        echo "extents \(name) $(find . -maxdepth 15 -xdev -type f -print0 | xargs -0 filefrag -v -b512 | base64 -w0)"
        echo "directories \(name) $(find . -maxdepth 15 -xdev -type d -printf '%s %i %P\\0' | base64 -w0)"
        cd / && umount /tmp/m

        """
    }
    try scratch.write(script, to: "oracle")
    // The output goes to a disk because libguestfs limits what a command returns to 4 MB.
    let answer = try scratch.makeHole("answer", size: 32 << 20)
    try await Slots.virtualMachines.run {
      _ = try await tool(
        "guestfish",
        environment: ["LIBGUESTFS_BACKEND_SETTINGS": MapperRun.emulated, "LIBGUESTFS_CACHEDIR": "/var/tmp"],
        input: """
          add-drive "\(disk)" format:raw readonly:true label:guest
          add-drive "\(answer)" format:raw label:answer
          run
          debug-upload "\(scratch("oracle"))" /tmp/oracle 0644
          debug sh "bash -e /tmp/oracle >/dev/disk/guestfs/answer"
          sync
          shutdown
          """,
        limit: .seconds(600))
    }
    let lines = try [UInt8](contentsOf: answer).prefix { $0 != 0 }.split(separator: 0x0a).map { Array($0).text }
    var names: [(ObjectName, File)] = []
    for line in lines {
      let fields = line.split(separator: " ").map(String.init)
      switch fields.first {
      case "segments": segments = try fields.dropFirst().compactMap { try Self.segment($0) }
      case "names":
        guard fields.count == 3, let bytes = Data(base64Encoded: fields[2]) else { throw TestFailure(line) }
        names = bytes.split(separator: 0).compactMap { Self.name(Array($0), device: fields[1]) }
      case "extents":
        guard fields.count == 3, let bytes = Data(base64Encoded: fields[2]) else { throw TestFailure(line) }
        let lists = Self.extents(Array(bytes))
        guard lists.count == names.count else {
          throw TestFailure("\(fields[1]): filefrag tells of \(lists.count) files, find of \(names.count)")
        }
        for ((name, file), extents) in zip(names, lists) {
          files[name] = File(size: file.size, inode: file.inode, extents: extents)
        }
      case "directories":
        guard fields.count == 3, let bytes = Data(base64Encoded: fields[2]) else { throw TestFailure(line) }
        for (name, directory) in bytes.split(separator: 0).compactMap({ Self.name(Array($0), device: fields[1]) }) {
          directorySizes[name] = directory.size
        }
      default: throw TestFailure("not expected from the appliance: \(line.prefix(200))")
      }
    }
    guard Set(files.keys.map(\.device)) == Set(Self.mounts.map(\.0)), !segments.isEmpty else {
      throw TestFailure("the appliance said too little")
    }
  }

  private static func name(_ record: [UInt8], device: String) -> (ObjectName, File)? {
    let fields = record.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false).map { Array($0) }
    guard fields.count == 3, let size = UInt64(fields[0].text), let inode = UInt64(fields[1].text) else { return nil }
    return (ObjectName(device: device, path: [0x2f] + fields[2]), File(size: size, inode: inode, extents: []))
  }

  private static func segment(_ text: String) throws -> Segment? {
    let fields = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 6 else { throw TestFailure("pvs: \(text)") }
    // Free space belongs to no volume.
    guard !fields[0].isEmpty else { return nil }
    let numbers = fields.dropFirst().compactMap { UInt64($0) }
    guard numbers.count == 5 else { throw TestFailure("pvs: \(text)") }
    return Segment(
      volume: "/dev/vg/" + fields[0], offset: numbers[0], physical: numbers[4] + numbers[1] * numbers[3],
      length: numbers[2] * numbers[3])
  }

  /// Parses filefrag's lists, one per file: a header with the name, which may contain newlines, then lines such as
  /// `   0:        0..       7:      12345..     12352:      8:             last,eof`.
  private static func extents(_ output: [UInt8]) -> [[Extent]] {
    var result: [[Extent]] = []
    for line in output.split(separator: 0x0a) {
      if line.starts(with: Array("File size of ".utf8)) {
        result.append([])
        continue
      }
      let fields = Array(line).text.split(separator: ":", omittingEmptySubsequences: false)
        .map { $0.split(whereSeparator: { $0 == " " || $0 == "." || $0 == "," }) }
      guard !result.isEmpty, fields.count >= 5, fields[0].count == 1, Int(fields[0][0]) != nil, fields[1].count == 2,
        fields[2].count == 2, let logical = UInt64(fields[1][0]), let physical = UInt64(fields[2][0]),
        let length = fields[3].first.flatMap({ UInt64($0) })
      else { continue }
      // Where an extent is not at the address that filefrag expected, the expected address comes before the flags.
      let flags = fields.dropFirst(4).flatMap { $0 }.filter { UInt64($0) == nil }.map(String.init)
      result[result.count - 1].append(
        Extent(offset: logical * 512, physical: physical * 512, length: length * 512, flags: Set(flags)))
    }
    return result
  }
}
