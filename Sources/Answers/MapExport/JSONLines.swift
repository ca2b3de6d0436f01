import BlockMap
import Bytes

/// JSON Lines: an object for each range, on a line of its own. Keys are in alphabetical order; numbers are in bytes.
enum JSONLines {
  static func write<Output: TextOutput & ~Copyable>(_ source: ExportSource, to output: inout Output) throws {
    let objects = source.map.objects
    try source.forEachRange { range in
      try output.append { text in
        text.append(contentsOf: "{\"device\":".utf8)
        objects.device(of: range.object).withUnsafeBytes { JSONText.append(name: $0, as: .device, to: &text) }
        text.append(contentsOf: ",\"disk\":".utf8)
        JSONText.append(UInt64(range.disk), to: &text)
        text.append(contentsOf: ",\"end\":".utf8)
        JSONText.append(range.range.upperBound, to: &text)
        text.append(contentsOf: ",\"kind\":\"".utf8)
        text.append(objects.letter(of: range.object))
        text.append(UInt8(ascii: "\""))
        if source.map.hasOffsets {
          text.append(contentsOf: ",\"offset\":".utf8)
          JSONText.append(range.objectOffset, to: &text)
        }
        objects.withPath(of: range.object) { path in
          guard let path else { return }
          text.append(contentsOf: ",\"path\":".utf8)
          JSONText.append(name: path, as: .path, to: &text)
        }
        text.append(contentsOf: ",\"start\":".utf8)
        JSONText.append(range.range.lowerBound, to: &text)
        text.append(contentsOf: "}\n".utf8)
      }
    }
  }
}
