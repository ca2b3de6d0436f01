import Answers
import BlockMap

/// A difference as a JSON object on a line. Keys are in alphabetical order; they are part of the program's interface.
enum DiffJSON {
  static func append(_ entry: Difference.Entry, of difference: Difference, to text: inout [UInt8]) {
    let name = difference.name(of: entry)
    text.append(contentsOf: "{\"change\":\"\(entry.change)\",\"device\":".utf8)
    append(name.device, as: .device, to: &text)
    text.append(contentsOf: ",\"kind\":\"\(Unicode.Scalar(name.kind.rawValue))\"".utf8)
    if let bytes = difference.newBytes(of: entry) { text.append(contentsOf: ",\"new_bytes\":\(bytes)".utf8) }
    if let bytes = difference.oldBytes(of: entry) { text.append(contentsOf: ",\"old_bytes\":\(bytes)".utf8) }
    if let old = difference.otherName(of: entry) {
      text.append(contentsOf: ",\"old_device\":".utf8)
      append(old.device, as: .device, to: &text)
      if let path = old.path {
        text.append(contentsOf: ",\"old_path\":".utf8)
        append(path, as: .path, to: &text)
      }
    }
    if let path = name.path {
      text.append(contentsOf: ",\"path\":".utf8)
      append(path, as: .path, to: &text)
    }
    text.append(contentsOf: "}\n".utf8)
  }

  private static func append(_ name: [UInt8], as field: Escaping.Field, to text: inout [UInt8]) {
    name.withUnsafeBytes { JSONText.append(name: $0, as: field, to: &text) }
  }
}

/// The paths of what has changed, for `xargs -0`: unescaped, each once, and followed by a NUL byte.
enum DiffPaths {
  static func write(
    _ entries: [Difference.Entry], of difference: Difference, to output: inout StandardOutput
  ) throws {
    var last: MappedObject?
    for entry in entries {
      let name = difference.name(of: entry)
      // Other names are of metadata that is no file.
      guard let path = name.path, path.first == UInt8(ascii: "/") else { continue }
      // Kinds of the same path follow each other.
      if let last, last.path == path, last.device == name.device { continue }
      last = name
      try output.append { buffer in path.withUnsafeBytes { PathList.append($0, to: &buffer) } }
    }
  }
}
