import BlockStack
import Bytes

/// What FAT stores besides files, as minfo(1) of mtools prints it. The root directory of FAT12 and FAT16 is left out:
/// it is mapped as the directory `/`.
enum FATMetadata {
  static let tools = ["minfo"]

  /// Prints what `areas(parsing:)` parses, for the device `$d`.
  static let script = """
    MTOOLS_SKIP_CHECK=1 timeout 600 minfo -i $d :: | sed -nE 's/^([A-Za-z ()]+)[:=] *([0-9]+).*$/\\1: \\2/p'
    """

  static func areas(parsing text: String) -> [DeviceArea] {
    let numbers = ToolNumbers(text.lines)
    guard let sector = numbers["sector size"], let reserved = numbers["reserved (boot) sectors"]?.times(sector),
      let fats = numbers["fats"], fats <= 255
    else { return [] }
    var areas: [DeviceArea] = []
    areas.add("boot sector", at: 0, count: sector)
    // FAT32 stores the size of a FAT in another field.
    let small = numbers["sectors per fat"] ?? 0
    guard let fat = (small > 0 ? small : numbers["Big fatlen"] ?? 0).times(sector) else { return areas }
    if small == 0 {
      let information = numbers["infoSector location"] ?? 0
      let backup = numbers["backup boot sector"] ?? 0
      if information > 0 { areas.add("FSInfo", at: information.times(sector), count: sector) }
      if backup > 0 {
        areas.add("backup boot sector", at: backup.times(sector), count: sector)
        if information > 0 {
          areas.add("backup FSInfo", at: backup.plus(information)?.times(sector), count: sector)
        }
      }
    }
    for number in 0..<fats {
      areas.add("FAT \(number + 1)", at: number.times(fat)?.plus(reserved), count: fat)
    }
    return areas
  }
}
