import Appliance
import BlockMap
import BlockStack
import Filesystems
import Guestfs

/// Adds the metadata of filesystems, that is all they store besides files, and their free space to the map.
struct FilesystemMetadata {
  let guest: Guest

  /// Whether a filesystem's files and directories are in the map.
  enum Walk {
    /// None are; a warning has said so.
    case none
    /// Some may be missing.
    case partial
    case whole
  }

  /// Adds the metadata and the free space of one filesystem, which need not be mountable. If none of its files are in
  /// the map, only `-v` says what else is missing, unless the appliance lacks a tool.
  func add(of filesystem: Guestfs.Filesystem, _ walk: Walk, to draft: inout MapDraft) throws {
    let gaps = draft.findings.gaps
    func warn(_ message: String) {
      if walk != .none { draft.warnOfGap(message) } else { guest.reporter.detail(message) }
    }
    // A subvolume shares the metadata of its filesystem, which is added once.
    guard let content = guest.inventory.devices.first(where: { $0.name == filesystem.mountable }) else { return }
    let type = filesystemType(named: content.type)
    let name = shown(content.name)
    guard guest.devices.isFollowed(content.number[...]) else {
      return guest.reporter.detail("\(name): the volumes below are not supported; its metadata is left out")
    }
    var table = guest.devices
    var areas: [DeviceArea] = []
    var output = ""
    if let source = type.metadata {
      guard
        let text = try guest.output(
          of: source.script, tools: source.tools,
          variables: "d=/dev/block/\(content.number)\(guest.inventory.isBtrfsTwin(content) ? " alone=1" : "")",
          else: "\(name): its metadata and free space are not in the map", warn: warn,
          missing: { draft.warnOfMissing(tool: $0, for: "\(content.type) filesystems") })
      else { return }
      output = text
      areas = source.areas(text)
      if areas.isEmpty {
        return warn("\(name): its tools cannot read it; its metadata and free space are not in the map")
      }
      if !source.isComplete(text) {
        warn("\(name): its tools cannot read all of its metadata; some metadata and free space are not in the map")
      }
      if areas.contains(where: { $0.device == BtrfsTree.device }) {
        guard let segments = BtrfsTree(parsing: text)?.segments else {
          return warn("\(name): its chunks are not supported, and its metadata is not in the map")
        }
        table.add(BtrfsTree.device, madeOf: segments)
        draft.addParity(of: BtrfsTree.device, to: content.name, table)
        areas = BtrfsUsedData.unreferenced(areas, draft.usedData[content.number[...]])
      }
    }
    let device = ApplianceDevice(
      guest.inAppliance(content.name), size: guest.devices.end(of: content.number[...]) ?? 0, of: guest.appliance)
    do {
      areas += try type.areas(on: device, known: areas)
    } catch {
      try guest.checkHelpers()
      warn("\(name): its free space is not in the map: \(oneLine(error))")
    }
    draft.add(areas, of: content, table)
    guard walk == .whole, draft.findings.gaps == gaps else { return }
    do {
      if let type = type as? any RestNaming { try addRest(of: content, type, on: device, to: &draft) }
      guard let units = try type.allocationUnits(on: device, metadata: output) else { return }
      addLostSpace(of: content, units, to: &draft)
    } catch {
      try guest.checkHelpers()
      warn("\(name): its lost space is not in the map: \(oneLine(error))")
    }
  }

  /// Adds what the filesystem type can name of the space that nothing in the map explains.
  private func addRest(
    of content: ProbedDevice, _ type: any RestNaming, on device: ApplianceDevice, to draft: inout MapDraft
  ) throws {
    guard let locations = guest.wholeLocations(of: content) else { return }
    let gaps = MapGap.all(in: locations, draft.map.contents(ofDevice: content.name))
    var rest = UnnamedSpace(gaps.map(\.range))
    do {
      try type.nameRest(of: &rest, on: device)
    } catch let error as SpaceError {
      guest.reporter.detail("\(shown(content.name)): some of its metadata is not in the map: \(error)")
    }
    draft.add(rest.areas, of: content, guest.devices)
  }

  /// Adds what is in use but neither a file, nor metadata. All of these are in the map.
  private func addLostSpace(of content: ProbedDevice, _ units: AllocationUnits, to draft: inout MapDraft) {
    guard let locations = guest.wholeLocations(of: content) else { return }
    let lost = LostSpace(units, contents: draft.map.contents(ofDevice: content.name), locations: locations) {
      [.file, .unwritten].contains(draft.map.kind(of: $0))
    }
    draft.add(lost.areas, of: content, guest.devices)
    for rest in lost.rests {
      guard let object = draft.map.addObject(kind: .unwritten, like: rest.object) else { return }
      for location in guest.devices.locations(of: rest.range, on: content.number[...]) ?? [] {
        draft.map.addRange(
          of: object, disk: location.disk, range: location.range, objectOffset: rest.offset &+ location.offset)
      }
    }
  }
}
