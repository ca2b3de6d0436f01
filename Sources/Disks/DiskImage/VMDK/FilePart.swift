import Glibc
public import SystemPackage

/// What a byte of one of an image's own files holds.
public enum FilePart: Equatable, Sendable {
  case header
  case descriptor
  /// Says where the grain tables are.
  case grainDirectory(isRedundant: Bool)
  /// Says where grains are. The range of the disk, in bytes, whose grains it locates.
  case grainTable(of: Range<UInt64>, isRedundant: Bool)
  /// Bytes of the disk: this range, in bytes. For a compressed grain, all bytes of the grain.
  case data(Range<UInt64>)
  /// No table points here: markers, padding, and grains that are no longer used or that a snapshot replaces.
  case unused
}

extension OpenedDisk {
  /// What a byte of one of the disk's files holds.
  ///
  /// All tables are read, so this takes about as long as `virt-bmap info`.
  /// - Parameters:
  ///   - file: one of the files of the disk, under any name.
  ///   - offset: in bytes from the start of the file.
  /// - Returns: nil if the file is not one of the disk's.
  /// - Throws: `DiskError`, with `EINVAL` if the file is shorter.
  public func part(of file: FilePath, at offset: UInt64) throws(DiskError) -> FilePart? {
    guard let path = files.first(where: { isSameFile($0, file) }) else { return nil }
    let opened = try HostFile.open(path)
    defer { opened.close() }
    guard offset < opened.length else {
      throw DiskError(file, "byte \(offset) is beyond the end: the file has \(opened.length) bytes", errno: EINVAL)
    }
    var found: Range<UInt64>?
    try disk.locations(ofBytes: offset..<offset &+ 1, in: path) { (location) throws(DiskError) -> Bool in
      found = location.range
      return false
    }
    if let found { return .data(found) }
    for link in chain {
      if let part = try link.part(of: opened, path: path, at: offset) { return part }
    }
    return .unused
  }
}

extension DiskLink {
  /// What a byte of a file holds besides grains; nil if it is not part of this image's metadata.
  fileprivate func part(of file: HostFile, path: FilePath, at offset: UInt64) throws(DiskError) -> FilePart? {
    var start: UInt64 = 0
    var isExtent = false
    for part in extents {
      defer { start &+= part.size }
      guard part.file == path else { continue }
      isExtent = true
      guard case .grains(let grains) = part.extent.storage else { continue }
      if offset < VMDKLimits.sectorBytes { return .header }
      if let found = try grains.table(at: offset) { return found.moved(by: start) }
      var options = OpenOptions()
      options.ignoresJournal = true
      let header = try ExtentHeader.read(from: file, options: options)
      if header.descriptor?.contains(offset) == true { return .descriptor }
      if grains.layout.fixedMetadata.overlap(offset..<offset &+ 1) { return .header }
    }
    return path == self.path && !isExtent ? .descriptor : nil
  }
}

extension FilePart {
  /// The same for an extent that starts at an offset of the disk.
  fileprivate func moved(by start: UInt64) -> FilePart {
    guard case .grainTable(let range, let isRedundant) = self else { return self }
    return .grainTable(
      of: range.lowerBound &+ start..<range.upperBound &+ start, isRedundant: isRedundant)
  }
}

extension GrainExtent {
  /// The grain directory or table that a byte of the file belongs to, with a range of the extent.
  fileprivate func table(at offset: UInt64) throws(DiskError) -> FilePart? {
    let width = UInt64(layout.entries.width)
    for (number, directory) in layout.directories.enumerated() {
      let isRedundant = number > 0
      if (directory..<directory &+ layout.tables &* width).contains(offset) {
        return .grainDirectory(isRedundant: isRedundant)
      }
      var found: FilePart?
      var table: UInt64 = 0
      while table < layout.tables, found == nil {
        let count = min(layout.tables - table, 4096)
        try file.withNumbers(at: directory &+ table &* width, count: Int(count), width: Int(width)) { index, entry in
          let number = table &+ UInt64(index)
          let used = layout.entries(inTable: number)
          guard case .at(let start) = layout.table(entry, count: used, in: file),
            (start..<start &+ layout.entriesPerTable &* width).contains(offset)
          else { return }
          let grains = layout.entriesPerTable &* layout.grainBytes
          // The extent may end before the grains of the last table.
          let (first, end) = (number &* grains, min((number &+ 1) &* grains, size))
          if first < end { found = .grainTable(of: first..<end, isRedundant: isRedundant) }
        }
        table += count
      }
      if let found { return found }
    }
    return nil
  }
}
