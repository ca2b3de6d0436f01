import BlockMap
import Bytes
import Version

/// Digital Forensics XML, as fiwalk(1) of The Sleuth Kit writes it: a volume for each filesystem, and in it its files
/// and directories with their byte runs.
///
/// The schema is dfxml.xsd 2.0.0-beta.0 of the DFXML working group, which prescribes the order of the elements. What it
/// has no place for is in a namespace of our own.
struct DFXML {
  let source: ExportSource
  private let devices: DeviceTable
  private let ranges: ObjectRanges

  static let namespace = "http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML"
  static let ownNamespace = "urn:virt-bmap:dfxml"

  init(_ source: ExportSource) {
    self.source = source
    devices = DeviceTable(source.map)
    ranges = ObjectRanges(source.map)
  }

  func write<Output: TextOutput & ~Copyable>(to output: inout Output) throws {
    try output.append { appendHead(to: &$0) }
    var number = 0
    for (index, device) in devices.devices.enumerated() where device.holdsFilesystem {
      if let kept = source.selection.devices, !kept.contains(device.name) { continue }
      let volume = DFXMLVolume(
        device, number: number + 1, places: DevicePlaces(of: device.name, in: source.map, ranges), source: source)
      if let disk = source.disk, let start = volume.places.start, start.disk != disk { continue }
      number += 1
      try output.append { volume.appendHead(to: &$0) }
      for id in devices.objects(ofDevice: index) {
        let kind = source.map.objects.kind(of: id)
        guard kind == .file || kind == .directory, source.keeps(id) else { continue }
        let runs = FileRuns(ranges.ranges(of: id).filter(source.keeps), hasOffsets: source.map.hasOffsets)
        guard !runs.first.isEmpty else { continue }
        try output.append { volume.append(id, kind, runs, to: &$0) }
      }
      try output.append { $0.append(contentsOf: "  </volume>\n".utf8) }
    }
    try output.append { $0.append(contentsOf: "</dfxml>\n".utf8) }
  }

  private func appendHead(to text: inout [UInt8]) { Self.appendHead(source.map.disks, to: &text) }

  /// Appends everything before the first volume.
  /// - Parameter namespaces: more attributes of the document, each after a space.
  static func appendHead(_ disks: [DiskDescription], namespaces: String = "", to text: inout [UInt8]) {
    text.append(
      contentsOf: """
        <?xml version='1.0' encoding='UTF-8'?>
        <dfxml xmlns='\(Self.namespace)' xmlns:dc='http://purl.org/dc/elements/1.1/' \
        xmlns:bmap='\(Self.ownNamespace)'\(namespaces) version='2.0.0-beta.0'>
          <metadata><dc:type>Disk Image</dc:type></metadata>
          <creator>
            <program>virt-bmap</program>
            <version>\(version)</version>
          </creator>
          <source>

        """.utf8)
    for disk in disks {
      text.append(contentsOf: "    <image_filename>".utf8)
      disk.file.withUnsafeBytes { XMLText.append(XMLText.name($0, as: .path), to: &text) }
      text.append(contentsOf: "</image_filename>\n".utf8)
    }
    text.append(contentsOf: "  </source>\n".utf8)
  }
}
