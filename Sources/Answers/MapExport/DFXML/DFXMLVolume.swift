import BlockMap

/// A volume of a DFXML document: a device with a filesystem.
struct DFXMLVolume {
  private let device: DeviceTable.Device
  /// Counted from 1.
  private let number: Int
  let places: DevicePlaces
  private let objects: ObjectTable
  private let hasOffsets: Bool
  private let hasSeveralDisks: Bool

  init(_ device: DeviceTable.Device, number: Int, places: DevicePlaces, source: ExportSource) {
    (self.device, self.number, self.places) = (device, number, places)
    (objects, hasOffsets) = (source.map.objects, source.map.hasOffsets)
    hasSeveralDisks = source.map.sizes.count > 1
  }

  func appendHead(to text: inout [UInt8]) {
    text.append(contentsOf: "  <volume".utf8)
    if let start = places.start {
      text.append(contentsOf: " offset='\(start.offset)'".utf8)
      if hasSeveralDisks { text.append(contentsOf: " bmap:disk='\(start.disk)'".utf8) }
    }
    text.append(contentsOf: " bmap:device='".utf8)
    device.name.withUnsafeBytes { XMLText.append(XMLText.name($0, as: .device), to: &text) }
    text.append(contentsOf: device.isEncrypted ? "' bmap:encrypted='yes'>\n".utf8 : "'>\n".utf8)
    if let start = places.start {
      text.append(contentsOf: "    <partition_offset>\(start.offset)</partition_offset>\n".utf8)
    }
    if !device.type.isEmpty {
      text.append(contentsOf: "    <ftype_str>".utf8)
      device.type.withUnsafeBytes { XMLText.append(XMLText.name($0, as: .device), to: &text) }
      text.append(contentsOf: "</ftype_str>\n".utf8)
    }
    text.append(contentsOf: "    <allocated_only>1</allocated_only>\n".utf8)
  }

  /// Appends a file or directory.
  /// - Parameters:
  ///   - attributes: of the element, each after a space.
  ///   - rest: appends elements behind the byte runs.
  func append(
    _ id: ObjectID, _ kind: ObjectKind, _ runs: FileRuns, attributes: String = "", to text: inout [UInt8],
    rest: (inout [UInt8]) -> Void = { _ in }
  ) {
    text.append(contentsOf: "    <fileobject\(attributes)>\n".utf8)
    appendContent(id, kind, runs, to: &text)
    rest(&text)
    text.append(contentsOf: "    </fileobject>\n".utf8)
  }

  /// Appends what is known of a file or directory.
  func appendContent(_ id: ObjectID, _ kind: ObjectKind, _ runs: FileRuns, to text: inout [UInt8]) {
    text.append(contentsOf: "      <filename".utf8)
    objects.withPath(of: id) { path in appendName(path ?? UnsafeRawBufferPointer(start: nil, count: 0), to: &text) }
    text.append(
      contentsOf: """
        </filename>
              <partition>\(number)</partition>
              <name_type>\(kind == .directory ? "d" : "r")</name_type>
              <alloc>1</alloc>
              <byte_runs>

        """.utf8)
    for run in runs.first { append(run, to: &text) }
    text.append(contentsOf: "      </byte_runs>\n".utf8)
    if !runs.copies.isEmpty {
      text.append(contentsOf: "      <bmap:copies>\n".utf8)
      for run in runs.copies { append(run, to: &text) }
      text.append(contentsOf: "      </bmap:copies>\n".utf8)
    }
  }

  /// Appends the path from the root of the volume, and its bytes if the text differs from them. The root itself is `.`.
  private func appendName(_ path: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    let isAbsolute = path.first == UInt8(ascii: "/")
    let relative = UnsafeRawBufferPointer(rebasing: path[(isAbsolute ? 1 : 0)...])
    let name = relative.isEmpty ? [UInt8(ascii: ".")] : XMLText.name(relative, as: .path)
    if !relative.isEmpty, !name.elementsEqual(relative) {
      text.append(contentsOf: " bmap:raw='".utf8)
      XMLText.appendHex(relative, to: &text)
      text.append(UInt8(ascii: "'"))
    }
    text.append(UInt8(ascii: ">"))
    XMLText.append(name, to: &text)
  }

  private func append(_ run: MappedRange, to text: inout [UInt8]) {
    text.append(contentsOf: "        <byte_run".utf8)
    if hasOffsets { append("file_offset", run.objectOffset, to: &text) }
    if let offset = places.offset(disk: run.disk, run.range.lowerBound) { append("fs_offset", offset, to: &text) }
    append("img_offset", run.range.lowerBound, to: &text)
    append("len", run.range.upperBound - run.range.lowerBound, to: &text)
    if hasSeveralDisks { append("bmap:disk", UInt64(run.disk), to: &text) }
    text.append(contentsOf: "/>\n".utf8)
  }

  private func append(_ name: StaticString, _ number: UInt64, to text: inout [UInt8]) {
    text.append(UInt8(ascii: " "))
    name.withUTF8Buffer { text.append(contentsOf: $0) }
    text.append(contentsOf: "='".utf8)
    JSONText.append(number, to: &text)
    text.append(UInt8(ascii: "'"))
  }
}
