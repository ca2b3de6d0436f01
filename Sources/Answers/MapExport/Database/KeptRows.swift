import BlockMap

/// The rows of the other tables that the exported ranges refer to.
struct KeptRows {
  /// By index.
  private var objects: [Bool]
  private var devices: [Bool]
  private var disks: [Bool]

  init(_ source: ExportSource, _ table: DeviceTable) {
    // Without a selection, what has no range is exported, too.
    let isWhole = source.selection.isEverything && source.disk == nil
    objects = [Bool](repeating: isWhole, count: source.map.objects.count)
    devices = [Bool](repeating: isWhole, count: table.devices.count)
    disks = [Bool](repeating: isWhole, count: source.map.sizes.count)
    guard !isWhole else { return }
    source.forEachRange { range in
      let object = Int(range.object.rawValue)
      objects[object] = true
      devices[Int(table.deviceOfObject[object])] = true
      if disks.indices.contains(Int(range.disk) - 1) { disks[Int(range.disk) - 1] = true }
    }
  }

  func keeps(object: ObjectID) -> Bool { objects[Int(object.rawValue)] }

  func keeps(device index: Int) -> Bool { devices[index] }

  /// - Parameter index: the number of the disk less 1.
  func keeps(disk index: Int) -> Bool { disks[index] }
}
