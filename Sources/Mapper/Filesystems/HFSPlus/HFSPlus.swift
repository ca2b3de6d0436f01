import BlockStack
import Bytes

/// HFS+ and HFSX ("Technical Note TN1150: HFS Plus Volume Format").
struct HFSPlus: RestNaming {
  let names: [Substring] = ["hfsplus"]

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard let volume = try HFSPlusVolume(on: device) else { return [] }
    let (header, block, end) = (HFSPlusVolume.header, volume.block, volume.end)
    let headerBytes = HFSPlusVolume.headerBytes
    var areas: [DeviceArea] = []
    areas.add("boot block", at: 0, count: header, kind: .boot)
    areas.add("volume header", at: header, count: headerBytes)
    guard end <= device.size, end >= 2 * header + headerBytes else { return areas }
    // It is in the second to last 512 bytes; the last ones are reserved.
    let alternate = end - header
    areas.add("alternate volume header", at: alternate, count: headerBytes)
    areas.add("reserved", at: end - headerBytes, count: headerBytes)
    // The rests of the headers' blocks.
    let first = header + headerBytes
    if block > first { areas.add("reserved", at: first, count: block - first) }
    if end / block > 1 { areas.add("reserved", at: alternate / block * block, count: alternate % block) }
    areas.concatenate { $0 == "reserved" }
    let files = try volume.specialFiles(on: device)
    for file in HFSPlusVolume.SpecialFile.allCases {
      var offset: UInt64 = 0
      for piece in files[file, default: []] {
        areas.add(file.title, at: piece.lowerBound, count: piece.upperBound - piece.lowerBound, offset: offset)
        offset += piece.upperBound - piece.lowerBound
      }
    }
    try addJournal(volume, on: device, to: &areas)
    let bitmap = AllocationBitmap(pieces: files[.allocation, default: []], count: volume.blocks, firstBit: .highest)
    areas += try bitmap.freeAreas(on: device, start: 0, blockSize: block)
    areas.addSpace(behind: end, on: device)
    return areas
  }

  private func addJournal(_ volume: HFSPlusVolume, on device: some DeviceBytes, to areas: inout [DeviceArea]) throws {
    guard let start = volume.journalInformation, let end = start.plus(volume.block), end <= device.size else { return }
    let information = try device.bytes(at: start, count: 52)
    areas.add("journal information", at: start, count: volume.block)
    // The journal may be on another device.
    guard information.big(at: 0, width: 4) & 1 != 0 else { return }
    areas.add("journal", at: information.big(at: 36, width: 8), count: information.big(at: 44, width: 8))
  }

  /// What the catalog and the attributes file refer to besides the data of files. Blocks that are in use but that
  /// neither refers to are lost.
  func nameRest(of space: inout UnnamedSpace, on device: some DeviceBytes) throws {
    guard !space.ranges.isEmpty, let volume = try HFSPlusVolume(on: device) else { return }
    let forks = try HFSPlusForks(of: volume, on: device)
    space.name("resource forks", forks.resources)
    space.name("extended attributes", forks.attributes)
    space.name("symbolic links", forks.links)
    space.name("bad blocks", forks.badBlocks)
    space.name("hidden file data", forks.data)
    space.name("lost blocks", [0..<volume.end])
  }
}
