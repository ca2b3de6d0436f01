import BlockMap

/// Adds up changed bytes by object. Its memory is bounded by the maps.
struct ChangeCounts {
  private let old: BlockMap
  private let new: BlockMap
  /// Only bytes of these objects count.
  private let selection: ObjectSelection
  private var totals = ChangeTotals()
  /// By file of the new map. Its content and its preallocated space are two objects with the same path.
  private var newFiles: [ObjectID: ChangeTotals] = [:]
  /// By file of the old map, for files that the bytes no longer belong to.
  private var oldFiles: [ObjectID: ChangeTotals] = [:]
  /// By other object of the new map.
  private var others: [ObjectID: UInt64] = [:]

  init(_ old: BlockMap, _ new: BlockMap, selection: ObjectSelection) {
    (self.old, self.new, self.selection) = (old, new, selection)
  }

  mutating func add(_ bytes: UInt64, _ category: ChangeCategory, newFile file: ObjectID) {
    guard keeps(file, in: new) else { return }
    totals[category] += bytes
    newFiles[file, default: ChangeTotals()][category] += bytes
  }

  mutating func add(_ bytes: UInt64, _ category: ChangeCategory, oldFile file: ObjectID) {
    guard keeps(file, in: old) else { return }
    totals[category] += bytes
    oldFiles[file, default: ChangeTotals()][category] += bytes
  }

  /// - Parameter object: an object of the new map that is no file; nil if the map says nothing.
  mutating func add(_ bytes: UInt64, _ category: ChangeCategory, other object: ObjectID?) {
    guard keeps(object, in: new) else { return }
    totals[category] += bytes
    if let object, category != .same { others[object, default: 0] += bytes }
  }

  private func keeps(_ object: ObjectID?, in map: BlockMap) -> Bool {
    guard !selection.isEverything else { return true }
    return object.map { selection.keeps($0, in: map.objects) } ?? false
  }

  func report(_ matches: ObjectMatches) -> ChangeReport {
    var report = ChangeReport()
    report.totals = totals
    var files: [DirectoryTotals.Key: ChangeTotals] = [:]
    for (file, totals) in newFiles { files[Self.key(new.objects[file]), default: ChangeTotals()] += totals }
    for (file, totals) in oldFiles {
      // A file that still exists has one entry, under its new name.
      let object = matches.new(of: file).map { new.objects[$0] } ?? old.objects[file]
      files[Self.key(object), default: ChangeTotals()] += totals
    }
    var directories = DirectoryTotals()
    for (file, totals) in files { directories.add(totals, file: file) }
    var metadata: [[UInt8]: UInt64] = [:]
    for (object, bytes) in others {
      let object = new.objects[object]
      switch SpaceUse(object.kind) {
      case .directories:
        var totals = ChangeTotals()
        totals[.directory] = bytes
        directories.add(totals, directory: Self.key(object))
      case .metadata, .boot, .parity: metadata[Self.name(of: object), default: 0] += bytes
      default: break
      }
    }
    report.metadata = metadata.map { ($0.key, $0.value) }.sorted { a, b in
      a.1 != b.1 ? a.1 > b.1 : a.0.lexicographicallyPrecedes(b.0)
    }
    report.files = files.map(Self.entry).sorted(by: Self.precedes)
    report.directories = directories.totals.map(Self.entry).sorted(by: Self.precedes)
    for id in old.objects.ids
    where old.objects.kind(of: id) == .file && matches.newFile(of: id) == nil && keeps(id, in: old) {
      report.deleted.append((old.objects.device(of: id), old.objects[id].path ?? []))
    }
    func names(_ pair: ObjectMatches.NewName) -> (device: [UInt8], old: [UInt8], new: [UInt8]) {
      (new.objects.device(of: pair.new), old.objects[pair.old].path ?? [], new.objects[pair.new].path ?? [])
    }
    report.renamed = matches.renamed.filter { keeps($0.old, in: old) || keeps($0.new, in: new) }.map(names)
    report.linked = matches.linked.filter { keeps($0.old, in: old) || keeps($0.new, in: new) }.map(names)
    return report
  }

  private static func key(_ object: MappedObject) -> DirectoryTotals.Key {
    DirectoryTotals.Key(device: object.device, path: object.path ?? [])
  }

  private static func entry(_ key: DirectoryTotals.Key, _ totals: ChangeTotals) -> ChangeReport.Entry {
    ChangeReport.Entry(device: key.device, path: key.path, totals: totals)
  }

  /// What a filesystem stores for a single file has the path of the file as its name. All of it counts together.
  private static func name(of object: MappedObject) -> [UInt8] {
    guard let name = object.path else { return Array(object.kind == .raid ? "parity".utf8 : "metadata".utf8) }
    return name.first == UInt8(ascii: "/") ? Array("attributes and links of files".utf8) : name
  }

  /// The largest first; equal ones by name.
  private static func precedes(_ a: ChangeReport.Entry, _ b: ChangeReport.Entry) -> Bool {
    let (sumA, sumB) = (a.totals.sum, b.totals.sum)
    if sumA != sumB { return sumA > sumB }
    if a.device != b.device { return a.device.lexicographicallyPrecedes(b.device) }
    return a.path.lexicographicallyPrecedes(b.path)
  }
}
