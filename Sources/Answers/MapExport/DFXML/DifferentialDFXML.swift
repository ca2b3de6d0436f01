import Answers
import BlockMap
import Bytes

/// The files that differ between two states of a disk, as Digital Forensics XML with the attributes that dfxml_python's
/// idifference2.py writes: `new_file`, `deleted_file`, `renamed_file`, `modified_file` (other content) and
/// `changed_file` (the same content elsewhere), in the namespace of forensic disk differencing.
package struct DifferentialDFXML {
  private static let namespace = "http://www.forensicswiki.org/wiki/Forensic_Disk_Differencing"

  /// A state of the disk.
  private struct State {
    let source: ExportSource
    let ranges: ObjectRanges
    let devices: DeviceTable

    init(_ map: BlockMap, selection: ObjectSelection) {
      source = ExportSource(map, selection: selection)
      ranges = ObjectRanges(map)
      devices = DeviceTable(map)
    }

    func runs(of id: ObjectID) -> FileRuns { FileRuns(ranges.ranges(of: id), hasOffsets: source.map.hasOffsets) }

    func volume(_ device: DeviceTable.Device, number: Int) -> DFXMLVolume {
      DFXMLVolume(
        device, number: number, places: DevicePlaces(of: device.name, in: source.map, ranges), source: source)
    }

    /// The files on a device, in the order of the map.
    func files(on device: [UInt8]) -> [ObjectID] {
      guard let index = devices.devices.firstIndex(where: { $0.name == device }) else { return [] }
      return devices.objects(ofDevice: index).filter { source.map.objects.kind(of: $0) == .file && source.keeps($0) }
    }
  }

  private let old: State
  private let new: State
  private let matches: ObjectMatches
  /// What changed in each file of the new map.
  private let changes: [ObjectID: ChangeTotals]

  /// - Parameters:
  ///   - report: what changed, by file.
  ///   - selection: only these files are written.
  package init(
    _ old: BlockMap, _ new: BlockMap, _ matches: ObjectMatches, _ report: ChangeReport, selection: ObjectSelection
  ) {
    (self.old, self.new) = (State(old, selection: selection), State(new, selection: selection))
    self.matches = matches
    var changes: [ObjectID: ChangeTotals] = [:]
    for file in report.files {
      if let id = new.objects.find(kind: .file, device: file.device, path: file.path) { changes[id] = file.totals }
    }
    self.changes = changes
  }

  /// - Throws: whatever `output` throws.
  package func write<Output: TextOutput & ~Copyable>(to output: inout Output) throws {
    let disks = old.source.map.disks + new.source.map.disks
    try output.append { text in
      DFXML.appendHead(disks, namespaces: " xmlns:delta='\(Self.namespace)'", to: &text)
    }
    let known = Set(new.devices.devices.map(\.name))
    let devices = new.devices.devices + old.devices.devices.filter { !known.contains($0.name) }
    for (index, device) in devices.filter(\.holdsFilesystem).enumerated() {
      let volumes = (old: old.volume(device, number: index + 1), new: new.volume(device, number: index + 1))
      try output.append { (known.contains(device.name) ? volumes.new : volumes.old).appendHead(to: &$0) }
      for id in new.files(on: device.name) {
        try output.append { append(id, volumes.old, volumes.new, to: &$0) }
      }
      for id in old.files(on: device.name) where matches.newFile(of: id) == nil {
        try output.append { text in
          text.append(contentsOf: "    <fileobject delta:deleted_file='1'>\n".utf8)
          appendOriginal(id, volumes.old, to: &text)
          text.append(contentsOf: "    </fileobject>\n".utf8)
        }
      }
      try output.append { $0.append(contentsOf: "  </volume>\n".utf8) }
    }
    try output.append { $0.append(contentsOf: "</dfxml>\n".utf8) }
  }

  /// Appends a file of the new state, unless it is as it was.
  private func append(_ id: ObjectID, _ oldVolume: DFXMLVolume, _ newVolume: DFXMLVolume, to text: inout [UInt8]) {
    let original = matches.old(of: id)
    // Another name of a file is new, although its content is not.
    let isNewName = original.map { matches.new(of: $0) != id } ?? (matches.oldFile(of: id) == nil)
    let before = isNewName ? nil : original
    var attributes = isNewName ? " delta:new_file='1'" : ""
    if let before, old.source.map.objects[before].path != new.source.map.objects[id].path {
      attributes += " delta:renamed_file='1'"
    }
    if !isNewName, let totals = changes[id] {
      // A file that moved has left its old blocks, which are free now.
      let content: [ChangeCategory] =
        [.rewritten, .grown, .truncated] + (totals[.moved] > 0 ? [] : [.trimmed, .freed])
      if content.contains(where: { totals[$0] > 0 }) || totals[.created] > 0 {
        attributes += " delta:modified_file='1'"
      } else if totals[.moved] > 0, attributes.isEmpty {
        attributes += " delta:changed_file='1'"
      }
    }
    guard !attributes.isEmpty else { return }
    newVolume.append(id, .file, new.runs(of: id), attributes: attributes, to: &text) { text in
      if let before { appendOriginal(before, oldVolume, to: &text) }
    }
  }

  /// Appends what a file was in the old state.
  private func appendOriginal(_ id: ObjectID, _ volume: DFXMLVolume, to text: inout [UInt8]) {
    text.append(contentsOf: "    <delta:original_fileobject>\n".utf8)
    volume.appendContent(id, .file, old.runs(of: id), to: &text)
    text.append(contentsOf: "    </delta:original_fileobject>\n".utf8)
  }
}
