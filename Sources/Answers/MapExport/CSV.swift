import BlockMap
import Bytes

/// Comma-separated values (RFC 4180): a header line, and a line for each range. Numbers are decimal, in bytes.
enum CSV {
  static func write<Output: TextOutput & ~Copyable>(_ source: ExportSource, to output: inout Output) throws {
    try output.append { $0.append(contentsOf: "disk,start,end,kind,device,path,offset\r\n".utf8) }
    var field: [UInt8] = []
    let objects = source.map.objects
    try source.forEachRange { range in
      try output.append { text in
        for number in [UInt64(range.disk), range.range.lowerBound, range.range.upperBound] {
          JSONText.append(number, to: &text)
          text.append(comma)
        }
        text.append(objects.letter(of: range.object))
        text.append(comma)
        field.removeAll(keepingCapacity: true)
        objects.device(of: range.object).withUnsafeBytes { ExportedName.append($0, as: .device, to: &field) }
        CSVField.append(field, to: &text)
        text.append(comma)
        field.removeAll(keepingCapacity: true)
        objects.withPath(of: range.object) { path in
          if let path { ExportedName.append(path, as: .path, to: &field) }
        }
        CSVField.append(field, to: &text)
        text.append(comma)
        if source.map.hasOffsets { JSONText.append(range.objectOffset, to: &text) }
        text.append(contentsOf: "\r\n".utf8)
      }
    }
  }

  private static let comma = UInt8(ascii: ",")
}
