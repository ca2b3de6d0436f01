import Answers
import BlockMap

/// The answer for programs. It is part of the program's interface: numbers are decimal bytes, and keys are in
/// alphabetical order.
extension AffectedAnswer {
  func writeJSON(to output: inout StandardOutput) throws {
    try output.append { buffer in
      Self.append("{\"bytes\":", affected.totals.size, to: &buffer)
      buffer += ",\"devices\":[".utf8
    }
    for (index, device) in affected.devices.enumerated() {
      try output.append { buffer in
        Self.append(index == 0 ? "{\"bytes\":" : ",{\"bytes\":", device.bytes, to: &buffer)
        buffer += ",\"device\":".utf8
        device.name.withUnsafeBytes { JSONText.append(name: $0, as: .device, to: &buffer) }
        Self.append(",\"lost\":", device.lost, to: &buffer)
        buffer.append(UInt8(ascii: "}"))
      }
    }
    try output.append { buffer in
      Self.append("],\"disk\":", UInt64(disk), to: &buffer)
      Self.append(",\"lost\":", affected.lost.size, to: &buffer)
      buffer += ",\"objects\":[".utf8
    }
    for (index, hit) in affected.hits.enumerated() {
      try output.append { buffer in
        if index > 0 { buffer.append(UInt8(ascii: ",")) }
        append(hit, to: &buffer)
      }
    }
    try output.append { buffer in
      Self.append("],\"ranges\":", UInt64(list.count), to: &buffer)
      buffer += ",\"uses\":{".utf8
      for (index, use) in SpaceUse.allCases.sorted(by: { $0.name < $1.name }).enumerated() {
        buffer += "\(index == 0 ? "" : ",")\"\(use.name)\":".utf8
        Self.append("{\"bytes\":", affected.totals[use], to: &buffer)
        Self.append(",\"lost\":", affected.lost[use], to: &buffer)
        buffer.append(UInt8(ascii: "}"))
      }
      buffer += "}}\n".utf8
    }
  }

  private func append(_ hit: Affected.Hit, to buffer: inout [UInt8]) {
    Self.append("{\"bytes\":", hit.bytes, to: &buffer)
    if let object = hit.object {
      buffer += ",\"device\":".utf8
      map.objects.device(of: object).withUnsafeBytes { JSONText.append(name: $0, as: .device, to: &buffer) }
      if hit.use != .unaccounted {
        buffer += ",\"kind\":\"".utf8
        buffer.append(map.objects.kind(of: object).rawValue)
        buffer.append(UInt8(ascii: "\""))
      }
    }
    Self.append(",\"lost\":", hit.lost, to: &buffer)
    if let offset = hit.offset { Self.append(",\"offset\":", offset, to: &buffer) }
    if let object = hit.object {
      map.objects.withPath(of: object) { path in
        guard let path else { return }
        buffer += ",\"path\":".utf8
        JSONText.append(name: path, as: .path, to: &buffer)
      }
    }
    Self.append(",\"readable\":", hit.readable, to: &buffer)
    if let size = hit.size { Self.append(",\"size\":", size, to: &buffer) }
    Self.append(",\"start\":", hit.start, to: &buffer)
    buffer += ",\"use\":\"\(hit.use.name)\"}".utf8
  }

  private static func append(_ key: String, _ number: UInt64, to buffer: inout [UInt8]) {
    buffer += key.utf8
    JSONText.append(number, to: &buffer)
  }

  /// The paths of the files, for `xargs -0`.
  func writePaths(to output: inout StandardOutput) throws {
    for hit in affected.hits where hit.use == .files {
      guard let object = hit.object else { continue }
      try output.append { buffer in
        map.objects.withPath(of: object) {
          PathList.append($0 ?? UnsafeRawBufferPointer(start: nil, count: 0), to: &buffer)
        }
      }
    }
  }
}
