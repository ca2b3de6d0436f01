import BlockStack
import Bytes

/// XFS's structures at fixed offsets, and its log, as xfs_db(8) prints them.
enum XFSMetadata {
  static let tools = ["xfs_db"]

  /// Prints what `areas(parsing:)` parses, for the device `$d`.
  static let script = """
    s=$(timeout 600 xfs_db -r -c 'sb 0' -c 'p blocksize agblocks agcount sectsize logstart logblocks' $d)
    echo "$s"
    l=$(echo "$s" | sed -nE 's/^logstart = ([0-9]+)$/\\1/p')
    if [ "$l" != 0 ]; then
      timeout 600 xfs_db -r -c "convert fsblock ${l:-0} byte" $d | sed -nE 's/.*\\(([0-9]+)\\)$/log = \\1/p'
    fi
    """

  /// A limit on allocation groups that no real filesystem reaches: a group has between 16 MiB and 1 TiB. A corrupt
  /// superblock may claim any number, and each group takes about 400 bytes here.
  private static let maximumGroups: UInt64 = 1 << 16

  static func areas(parsing text: String) -> [DeviceArea] {
    let numbers = ToolNumbers(text.lines, separator: "=")
    guard let blockSize = numbers["blocksize"], let sector = numbers["sectsize"],
      let groupSize = numbers["agblocks"]?.times(blockSize), let groups = numbers["agcount"], groups <= maximumGroups
    else { return [] }
    var areas: [DeviceArea] = []
    // Each group starts with one sector for each of these ("XFS Algorithms & Data Structures", Allocation Groups).
    for group in 0..<groups {
      guard let start = group.times(groupSize), let end = sector.times(4), start.plus(end) != nil else { break }
      areas.add(group == 0 ? "superblock" : "backup superblock", at: start, count: sector)
      areas.add("AGF \(group)", at: start + sector, count: sector)
      areas.add("AGI \(group)", at: start + 2 * sector, count: sector)
      areas.add("AGFL \(group)", at: start + 3 * sector, count: sector)
    }
    if let size = numbers["logblocks"]?.times(blockSize) { areas.add("log", at: numbers["log"], count: size) }
    return areas
  }
}
