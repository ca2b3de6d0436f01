import Bytes
import Guestfs

/// The subvolumes of a Btrfs filesystem, as btrfs(8) in the appliance tells it.
///
/// `btrfs subvolume list` prints names as they are. One that holds a newline looks like two lines, or like a subvolume that
/// is not there. So the tree of roots says which subvolumes there are, and where a line may be of another kind than it
/// looks, the subvolume's path is asked for by its number.
package struct BtrfsSubvolumes: Equatable {
  /// The number of the tree that is not made by a user, the top level.
  package static let top: UInt64 = 5

  /// The number of the subvolume that is mounted where none is named.
  package private(set) var defaultID = top
  /// From the top level, by number.
  package private(set) var paths: [UInt64: [UInt8]] = [:]
  /// Those whose paths have to be asked for one by one.
  package private(set) var unclear: [UInt64] = []
  /// Whether the tree of roots could be read, which tells of all.
  package private(set) var isWhole = false

  private static let separator = "list"

  /// Prints what `init(parsing:)` reads, of the filesystem whose top level is on /sysroot, on the device `$d`.
  package static let script = """
    btrfs inspect-internal dump-tree --hide-names -t root $d | sed -nE \
      's/^[[:space:]]+item [0-9]+ key \\(([0-9]+|FS_TREE) ROOT_REF ([0-9]+)\\).*/ref \\1 \\2/p
      s/^[[:space:]]+location key \\(([0-9]+|FS_TREE) ROOT_ITEM [0-9]+\\) .*/default \\1/p'
    echo \(separator)
    btrfs subvolume list /sysroot
    """

  /// Prints what `add(resolved:)` reads: for each of these subvolumes its number and its path in hexadecimal.
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
    // The last line ends, too.
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
        // It may be the rest of the name before.
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

  /// `ID 256 gen 11 top level 5 path a/b`
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
      // The tool ends the path with a newline.
      guard fields.count == 3, fields[0] == "path", let id = UInt64(fields[1]), unclear.contains(id),
        let path = fields[2].utf8.hexDecoded?.dropLast(), !path.isEmpty
      else { continue }
      paths[id] = Array(path)
    }
    unclear.removeAll { paths[$0] != nil }
  }
}

extension Guest {
  /// More of them are not asked for one by one: each takes a tenth of a second where the appliance is emulated.
  private static let mostResolved = 2000

  /// The subvolumes of a Btrfs filesystem but for the one that is mounted where none is named; the top level, where that is
  /// another one, has an empty path.
  package mutating func subvolumes(of filesystem: Guestfs.Filesystem) throws -> [Guestfs.Filesystem] {
    let device = filesystem.mountable
    var top = filesystem
    top.options.append("subvolid=\(BtrfsSubvolumes.top)")
    do {
      try mount(top)
    } catch {
      // That it cannot be mounted is said when it is examined.
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
      // A name may hold what would end the option.
      subvolume.options.append("subvolid=\(id)")
      return subvolume
    }
  }

  /// - Parameter number: of a device of the filesystem whose top level is mounted.
  private func subvolumesOfTop(on number: Substring) throws -> BtrfsSubvolumes {
    let variables = "export LC_ALL=C; d=/dev/block/\(number)"
    var found = BtrfsSubvolumes(parsing: try appliance.longShell("\(variables)\n\(BtrfsSubvolumes.script)\ntrue"))
    let unclear = Array(found.unclear.prefix(Self.mostResolved))
    if !unclear.isEmpty {
      found.add(
        resolved: try appliance.longShell("\(variables)\n\(BtrfsSubvolumes.script(resolving: unclear))\ntrue"))
    }
    return found
  }
}
