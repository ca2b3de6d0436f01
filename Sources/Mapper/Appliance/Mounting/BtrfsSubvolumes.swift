import Bytes
import Guestfs

/// The subvolumes of a Btrfs filesystem, as printed by btrfs(8) in the appliance.
///
/// `btrfs subvolume list` prints names unescaped. A name with a newline looks like two lines, or like a subvolume
/// that does not exist. So the root tree decides which subvolumes exist. Where a line may not be what it looks
/// like, the path of the subvolume is looked up by its ID.
package struct BtrfsSubvolumes: Equatable {
  /// The ID of the top level, which is not created by a user.
  package static let top: UInt64 = 5

  /// The ID of the subvolume that is mounted by default.
  package private(set) var defaultID = top
  /// The paths of the subvolumes relative to the top level, by ID.
  package private(set) var paths: [UInt64: [UInt8]] = [:]
  /// The IDs of the subvolumes whose paths must be looked up one by one.
  package private(set) var unclear: [UInt64] = []
  /// Whether the root tree could be read, which lists all subvolumes.
  package private(set) var isWhole = false

  private static let separator = "list"

  /// Prints the input of `init(parsing:)` for the filesystem on the device `$d`, whose top level is mounted on
  /// /sysroot.
  package static let script = """
    btrfs inspect-internal dump-tree --hide-names -t root $d | sed -nE \
      's/^[[:space:]]+item [0-9]+ key \\(([0-9]+|FS_TREE) ROOT_REF ([0-9]+)\\).*/ref \\1 \\2/p
      s/^[[:space:]]+location key \\(([0-9]+|FS_TREE) ROOT_ITEM [0-9]+\\) .*/default \\1/p'
    echo \(separator)
    btrfs subvolume list /sysroot
    """

  /// Prints the input of `add(resolved:)`: the ID and the path, in hexadecimal, of each of these subvolumes.
  package static func script(resolving ids: [UInt64]) -> String {
    """
    for i in \(ids.map(String.init).joined(separator: " ")); do
      echo "path $i $(btrfs inspect-internal subvolid-resolve $i /sysroot | od -An -v -tx1 | tr -d ' \\n')"
    done
    """
  }

  package init(parsing text: [UInt8]) {
    var known: Set<UInt64> = []
    var lines = text.split(separator: 0x0a, omittingEmptySubsequences: false)[...]
    while let line = lines.popFirst() {
      let fields = String(decoding: line, as: UTF8.self).fields
      if fields.count == 3, fields[0] == "ref", let id = UInt64(fields[2]) { known.insert(id) }
      if fields.count == 2, fields[0] == "default" {
        defaultID = UInt64(fields[1]) ?? Self.top
        isWhole = true
      }
      if fields == [Substring(Self.separator)] { break }
    }
    // The last line ends with a newline too.
    if lines.last?.isEmpty == true { lines.removeLast() }
    if !isWhole { known.formUnion(lines.compactMap { Self.entry($0)?.id }) }
    let entries = lines.map { Self.entry($0) }
    var count: [UInt64: Int] = [:]
    for entry in entries { if let entry { count[entry.id, default: 0] += 1 } }
    var unclear: Set<UInt64> = []
    var last: UInt64?
    for entry in entries {
      if let entry, known.contains(entry.id), count[entry.id] == 1 {
        paths[entry.id] = entry.path
        last = entry.id
      } else {
        // The line may be a continuation of the previous name.
        if let last { unclear.insert(last) }
        if let entry, known.contains(entry.id) {
          unclear.insert(entry.id)
          last = entry.id
        }
      }
    }
    unclear.formUnion(known.filter { paths[$0] == nil })
    for id in unclear { paths[id] = nil }
    self.unclear = unclear.sorted()
  }

  /// Parses `ID 256 gen 11 top level 5 path a/b`.
  private static func entry(_ line: ArraySlice<UInt8>) -> (id: UInt64, path: [UInt8])? {
    let fields = line.split(separator: 0x20, maxSplits: 8, omittingEmptySubsequences: false)
    guard fields.count == 9, fields[0].elementsEqual("ID".utf8), fields[2].elementsEqual("gen".utf8),
      fields[4].elementsEqual("top".utf8), fields[5].elementsEqual("level".utf8), fields[7].elementsEqual("path".utf8),
      let id = UInt64(String(decoding: fields[1], as: UTF8.self)), !fields[8].isEmpty
    else { return nil }
    return (id, Array(fields[8]))
  }

  package mutating func add(resolved text: [UInt8]) {
    for line in text.split(separator: 0x0a) {
      let fields = String(decoding: line, as: UTF8.self).fields
      // The tool prints a newline after the path.
      guard fields.count == 3, fields[0] == "path", let id = UInt64(fields[1]), unclear.contains(id),
        let path = fields[2].utf8.hexDecoded?.dropLast(), !path.isEmpty
      else { continue }
      paths[id] = Array(path)
    }
    unclear.removeAll { paths[$0] != nil }
  }
}

extension Guest {
  /// The maximum number of paths to look up. Each takes a tenth of a second if the appliance is emulated.
  private static let maximumResolved = 2000

  /// Returns the subvolumes of a Btrfs filesystem except the one that is mounted by default. If that is not the top
  /// level, the top level is included, with an empty path.
  package mutating func subvolumes(of filesystem: Guestfs.Filesystem) throws -> [Guestfs.Filesystem] {
    let device = filesystem.mountable
    var top = filesystem
    top.options.append("subvolid=\(BtrfsSubvolumes.top)")
    do {
      try mount(top)
    } catch {
      // The mount failure is reported when the filesystem is examined.
      try checkHelpers()
      return []
    }
    let found: BtrfsSubvolumes
    do {
      defer { try? unmount() }
      found = try subvolumesOfTop(on: inventory.number(of: device) ?? "-")
    } catch {
      try checkHelpers()
      incomplete += 1
      reporter.warning("\(shown(device)): its subvolumes cannot be listed and are not mapped: \(error)")
      return []
    }
    if !found.isWhole {
      incomplete += 1
      reporter.warning("\(shown(device)): the tree of roots cannot be read; the list of subvolumes may be incomplete")
    }
    if !found.unclear.isEmpty {
      incomplete += 1
      let numbers = found.unclear.prefix(5).map(String.init).joined(separator: ", ")
      reporter.warning(
        "\(shown(device)): the paths of \(found.unclear.count) subvolumes cannot be found; they are not mapped (their "
          + "numbers: \(numbers)\(found.unclear.count > 5 ? " ..." : ""))")
    }
    var all = found.paths
    all[BtrfsSubvolumes.top] = []
    all[found.defaultID] = nil
    return all.sorted { $0.key < $1.key }.map { id, path in
      var subvolume = filesystem
      subvolume.mountable = Array("btrfsvol:".utf8) + device + [0x2f] + path
      // Mount by ID, because a name can contain a comma, which would end the option.
      subvolume.options.append("subvolid=\(id)")
      return subvolume
    }
  }

  /// - Parameter number: the number (`MAJOR:MINOR`) of a device of the filesystem whose top level is mounted.
  private func subvolumesOfTop(on number: Substring) throws -> BtrfsSubvolumes {
    let variables = "export LC_ALL=C; d=/dev/block/\(number)"
    var found = BtrfsSubvolumes(parsing: try appliance.longShell("\(variables)\n\(BtrfsSubvolumes.script)\ntrue"))
    let unclear = Array(found.unclear.prefix(Self.maximumResolved))
    if !unclear.isEmpty {
      found.add(
        resolved: try appliance.longShell("\(variables)\n\(BtrfsSubvolumes.script(resolving: unclear))\ntrue"))
    }
    return found
  }
}
