import BlockStack
import Bytes

/// NTFS's system files, as ntfsinfo(8) and ntfsls(8) locate them, and the backup boot sector.
///
/// The names are NTFS's own, without a leading slash: `$MFT`, `$Secure:$SDS`, `$Secure:$SII:$INDEX_ALLOCATION`,
/// `$Extend/$UsnJrnl:$J`.
enum NTFSMetadata {
  static let tools = ["ntfsinfo", "ntfsls"]

  /// The file records of the root directory, which is mapped as the directory `/`, and of `$Extend`.
  private static let root: UInt64 = 5
  private static let extend: UInt64 = 11

  /// Prints what `areas(parsing:)` parses, for the device `$d`: some lines of ntfsinfo's output for the records of
  /// all system files. The field at offset 40 of the boot sector is the size of the volume in sectors; the backup is
  /// in the sector after them.
  static let script = """
    timeout 600 ntfsinfo -f -m $d | sed -nE 's/^[[:space:]]+((Sector|Cluster) Size):[[:space:]]+([0-9]+)$/\\1: \\3/p'
    n=$(timeout 600 ntfsls -f -a -s -i -R -p '/$Extend' $d | sed -nE 's/^ *([0-9]+) .*/\\1/p' | sort -nu | head -n 64)
    for i in $(printf '%s\\n' 0 1 2 3 4 6 7 8 9 10 \(extend) $n | sort -nu); do
      [ "$i" = \(root) ] || timeout 600 ntfsinfo -f -v -i "$i" $d | sed -nE \
        's/^Dumping Inode ([0-9]+) .*/inode \\1/p
        s/^Dumping attribute (\\$[A-Z_]+) .*/attribute \\1/p
        s/^[[:space:]]+Parent directory:[[:space:]]+([0-9]+).*/parent \\1/p
        s/^[[:space:]]+Attribute name:[[:space:]]+(.*)/stream \\1/p
        s/^[[:space:]]+Filename:[[:space:]]+(.*)/name \\1/p
        s/^[[:space:]]+0x([0-9a-f]+)[[:space:]]+0x([0-9a-f]+)[[:space:]]+0x([0-9a-f]+)$/run \\1 \\2 \\3/p' | head -c 16M
    done
    s=$(od -A n -t u8 -j 40 -N 8 $d | tr -d ' ')
    if [ "$(dd if=$d bs=512 skip="${s:-0}" count=1 2>/dev/null | od -A n -c -j 3 -N 4 | tr -d ' ')" = NTFS ]; then
      echo "backup: $s"
    fi
    """

  private struct SystemFile {
    var parent: UInt64?
    var name: String?
    var areas: [DeviceArea] = []
  }

  static func areas(parsing text: String) -> [DeviceArea] {
    let lines = text.lines
    let numbers = ToolNumbers(lines)
    guard let sector = numbers["Sector Size"], let cluster = numbers["Cluster Size"] else { return [] }
    var files: [UInt64: SystemFile] = [:]
    var order: [UInt64] = []
    var inode: UInt64 = 0
    var attribute: Substring = ""
    var stream = ""
    for line in lines {
      let fields = line.parts(between: " ", maxSplits: 1)
      guard fields.count == 2 else { continue }
      switch fields[0] {
      case "inode":
        guard let number = UInt64(fields[1]) else { return [] }
        inode = number
        order.append(number)
        files[inode] = SystemFile()
      case "attribute": (attribute, stream) = (fields[1], "")
      case "stream": stream = quoted(fields[1]) ?? ""
      // The index of a directory contains the names of what is in it.
      case "parent" where attribute == "$FILE_NAME": files[inode]?.parent = UInt64(fields[1])
      case "name" where attribute == "$FILE_NAME": files[inode]?.name = quoted(fields[1])
      case "run":
        let run = fields[1].fields.compactMap { UInt64($0, radix: 16) }
        guard run.count == 3, let count = run[2].times(cluster) else { continue }
        let suffix =
          attribute == "$DATA" ? (stream.isEmpty ? "" : ":\(stream)") : ":\(stream):\(attribute)"
        files[inode]?.areas.add(suffix, at: run[1].times(cluster), count: count, offset: run[0].times(cluster))
      default: continue
      }
    }
    var areas: [DeviceArea] = []
    for number in order {
      guard let file = files[number], let path = path(of: number, in: files) else { continue }
      areas += file.areas.map { area in
        var area = area
        area.name = path + (area.name ?? "")
        return area
      }
    }
    areas.add("backup boot sector", at: numbers["backup"]?.times(sector), count: sector)
    return areas
  }

  /// The path of a system file; nil for other files.
  private static func path(of number: UInt64, in files: [UInt64: SystemFile]) -> String? {
    var parts: [String] = []
    var next = number
    while next != root {
      // System files are not deeply nested; the limit ends loops.
      guard parts.count < 8, let file = files[next], let name = file.name else { return nil }
      parts.append(name)
      next = file.parent ?? root
    }
    return parts.reversed().joined(separator: "/")
  }

  /// Removes the quotes that ntfsinfo puts around names. Returns nil for names with unusual characters, which no
  /// system file has.
  private static func quoted(_ text: Substring) -> String? {
    guard text.count > 2, text.first == "'", text.last == "'" else { return nil }
    let name = text.dropFirst().dropLast()
    guard name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f }) else { return nil }
    return String(name)
  }
}
