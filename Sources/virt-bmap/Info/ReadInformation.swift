import BlockMap
import DiskImage
import Glibc
import SystemPackage

extension DiskInformation {
  /// Examines all tables of a disk.
  /// - Parameter progress: called now and then with the fraction that is done, from 0 to 1.
  init(of opened: OpenedDisk, progress: (Double) -> Void) throws {
    var damage: [String] = []
    chain = []
    let extents = opened.chain.reduce(0) { $0 + $1.extents.count }
    var done = 0
    for link in opened.chain {
      chain.append(
        try Link(link) { (extent, start) in
          let usage = try extent.usage { progress((Double(done) + $0) / Double(extents)) }
          done += 1
          damage += usage.damage
          return Extent(extent, usage: usage, start: start)
        })
    }
    if opened.chain.isEmpty { chain = [try Link(rawDisk: opened)] }

    let named = chain[0]
    path = named.path
    format = opened.format.rawValue
    createType = named.createType
    virtualSize = opened.disk.size
    allocatedSize = named.allocatedSize
    zeroSize = named.zeroSize
    unreadableSize = named.unreadableSize
    fileSize = named.fileSize
    diskUsage = named.diskUsage
    cid = named.cid
    parentCID = named.parentCID
    encoding = named.encoding
    settings = (opened.chain.first?.settings ?? []).map(Setting.init)
    ddb = (opened.chain.first?.database ?? []).map(Setting.init)
    adapterType = ddb.value(of: "ddb.adapterType")
    geometry = Geometry(ddb)
    hardwareVersion = ddb.value(of: "ddb.virtualHWVersion")
    toolsVersion = ddb.value(of: "ddb.toolsVersion")
    longContentID = ddb.value(of: "ddb.longContentID")
    uuids = ddb.filter { $0.key.lowercased().hasPrefix("ddb.uuid") }
    let formatWarning = opened.formatWarning { image in
      DiskFormat(rawValue: image.format) == nil ? "qemu-img info says more" : "give --format \(image.format)"
    }
    warnings = Self.join(opened.warnings + formatWarning, damage)
  }

  /// Joins the warnings from opening the disk, when only the beginning of large tables is read, with those from all
  /// tables. Two lines that differ only in how much is damaged become one.
  private static func join(_ found: [String], _ damage: [String]) -> [String] {
    func subject(_ line: String) -> Substring { line.lastIndex(of: ";").map { line[..<$0] } ?? line[...] }
    let subjects = Set(damage.map(subject))
    var seen: Set<String> = []
    return (found.filter { !subjects.contains(subject($0)) } + damage).filter { seen.insert($0).inserted }
  }
}

extension DiskInformation.Link {
  fileprivate init(_ link: DiskLink, survey: (DiskLink.Extent, UInt64) throws -> DiskInformation.Extent) throws {
    var extents: [DiskInformation.Extent] = []
    var start: UInt64 = 0
    for extent in link.extents {
      extents.append(try survey(extent, start))
      start += extent.size
    }
    try self.init(link.path, size: link.size, extents: extents, files: link.extents.compactMap(\.file))
    createType = link.createType.map(escaped)
    cid = link.cid.map(contentID)
    parentCID = link.parentCID.map(contentID)
    parentHint = link.parentFileNameHint.map { Escaping.text($0, as: .path) }
    encoding = link.encoding.map(escaped)
  }

  /// A raw disk: one extent, which is its file.
  fileprivate init(rawDisk opened: OpenedDisk) throws {
    var stored: UInt64 = 0
    try opened.disk.extents(in: 0..<opened.disk.size) { part in
      if part.state == .data { stored += part.range.upperBound - part.range.lowerBound }
      return true
    }
    let path = opened.files[0]
    let extent = DiskInformation.Extent(
      start: 0, size: opened.disk.size, file: escaped(path), fileOffset: 0, allocatedSize: stored, zeroSize: 0,
      unreadableSize: 0, state: .ok)
    try self.init(path, size: opened.disk.size, extents: [extent], files: [])
  }

  /// - Parameter files: the files of the extents; a file with several extents is repeated.
  private init(_ path: FilePath, size: UInt64, extents: [DiskInformation.Extent], files: [FilePath]) throws {
    self.path = escaped(path)
    virtualSize = size
    self.extents = extents
    allocatedSize = extents.reduce(0) { $0 + $1.allocatedSize }
    zeroSize = extents.reduce(0) { $0 + $1.zeroSize }
    unreadableSize = extents.reduce(0) { $0 + $1.unreadableSize }
    var seen: Set<FilePath> = []
    self.files = try ([path] + files).filter { seen.insert($0).inserted }.map(DiskInformation.File.init)
    fileSize = self.files.reduce(0) { $0 &+ $1.size }
    diskUsage = self.files.reduce(0) { $0 &+ $1.diskUsage }
  }
}

extension DiskInformation.Extent {
  fileprivate init(_ extent: DiskLink.Extent, usage: DiskLink.Usage, start: UInt64) {
    access = extent.access.map(escaped)
    type = extent.type.map(escaped)
    self.start = start
    size = extent.size
    file = extent.file.map(escaped)
    fileOffset = extent.start
    grains = extent.grains.map(DiskInformation.Grains.init)
    allocatedSize = usage.stored
    zeroSize = usage.zero
    unreadableSize = usage.unreadable
    state =
      if extent.access == "NOACCESS" {
        .inaccessible
      } else if usage.unreadable > 0 || !usage.damage.isEmpty {
        .damaged
      } else if extent.grains?.wasClosedCleanly == false {
        .unclean
      } else {
        .ok
      }
  }
}

extension DiskInformation.Grains {
  fileprivate init(_ grains: DiskLink.Extent.Grains) {
    kind = grains.kind
    version = grains.version
    grainSize = grains.grainBytes
    isCompressed = grains.isCompressed
    hasRedundantDirectory = grains.hasRedundantDirectory
    isClosedCleanly = grains.wasClosedCleanly
  }
}

extension DiskInformation.File {
  fileprivate init(_ file: FilePath) throws {
    var status = stat()
    guard file.withPlatformString({ stat($0, &status) }) == 0 else {
      throw InfoError("\(escaped(file)): \(Errno(rawValue: errno))")
    }
    path = escaped(file)
    size = UInt64(max(0, status.st_size))
    diskUsage = UInt64(max(0, status.st_blocks)) &* 512
  }
}

extension DiskInformation.Setting {
  fileprivate init(_ setting: DescriptorSetting) {
    key = escaped(setting.key)
    value = Escaping.text(setting.value, as: .path)
  }
}

extension DiskInformation.Geometry {
  /// Nil if the database has no geometry.
  fileprivate init?(_ database: [DiskInformation.Setting]) {
    func number(_ name: String) -> UInt64? { database.value(of: "ddb.geometry.\(name)").flatMap { UInt64($0) } }
    cylinders = number("cylinders")
    heads = number("heads")
    sectors = number("sectors")
    biosCylinders = number("biosCylinders")
    biosHeads = number("biosHeads")
    biosSectors = number("biosSectors")
    guard [cylinders, heads, sectors, biosCylinders, biosHeads, biosSectors].contains(where: { $0 != nil }) else {
      return nil
    }
  }
}

extension [DiskInformation.Setting] {
  /// The value of the first setting with this key, in upper or lower case.
  fileprivate func value(of key: String) -> String? { first { $0.key.lowercased() == key.lowercased() }?.value }
}

private func escaped(_ path: FilePath) -> String { Escaping.text(path.bytes, as: .path) }

private func escaped(_ text: String) -> String { Escaping.text(text.utf8, as: .path) }

/// Formats a content ID as a descriptor does.
private func contentID(_ value: UInt32) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 8 - digits.utf8.count) + digits
}
