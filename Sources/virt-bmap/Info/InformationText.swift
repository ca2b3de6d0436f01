import Bytes

/// Information about a disk, for people and for grep: lines `KEY: VALUE`, indented below what they belong to.
struct InformationText {
  private(set) var lines = ""
  private var depth = 0

  /// Adds a line, or none if the value is nil.
  mutating func add(_ key: String, _ value: String?) {
    guard let value else { return }
    lines += String(repeating: "    ", count: depth)
    Self.append("\(key): \(value)", to: &lines)
    lines += "\n"
  }

  mutating func add(_ key: String, bytes: UInt64) { add(key, readable(bytes)) }

  /// Adds a line, and below it the lines that `body` adds.
  mutating func add(_ key: String, _ value: String? = nil, _ body: (inout InformationText) -> Void) {
    lines += String(repeating: "    ", count: depth)
    Self.append(value.map { "\(key): \($0)" } ?? "\(key):", to: &lines)
    lines += "\n"
    depth += 1
    body(&self)
    depth -= 1
  }

  /// Escapes control characters, which the text no longer contains, and also everything else that changes how a
  /// terminal shows the text around it.
  private static func append(_ text: String, to lines: inout String) {
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        for byte in UTF8.encode(scalar) ?? .init() {
          let digits = String(byte, radix: 8)
          lines += "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
        }
      default: lines.unicodeScalars.append(scalar)
      }
    }
  }
}

extension DiskInformation {
  /// Settings, in lower case, that have their own lines or are not worth showing.
  private static let shownSettings: Set<String> = [
    "version", "cid", "parentcid", "createtype", "parentfilenamehint", "encoding",
  ]

  var text: String {
    var text = InformationText()
    text.add("image", path)
    text.add("format", format)
    text.add("create type", createType)
    text.add("virtual size", bytes: virtualSize)
    text.add("allocated size", bytes: allocatedSize)
    text.add("file size", bytes: fileSize)
    text.add("disk usage", bytes: diskUsage)
    text.add("cid", cid)
    text.add("parent cid", parentCID)
    text.add("encoding", encoding)
    text.add("adapter type", adapterType)
    if let geometry { text.add("geometry", geometry.text) }
    text.add("hardware version", hardwareVersion)
    text.add("tools version", toolsVersion)
    text.add("long content id", longContentID)
    for uuid in uuids { text.add(uuid.key == "ddb.uuid" ? "uuid" : uuid.key, uuid.value) }
    let others = settings.filter { !Self.shownSettings.contains($0.key.lowercased()) }
    if !others.isEmpty {
      text.add("other settings") { text in for setting in others { text.add(setting.key, setting.value) } }
    }
    if !ddb.isEmpty {
      text.add("disk database") { text in for setting in ddb { text.add(setting.key, setting.value) } }
    }
    text.add("chain") { text in
      for (index, link) in chain.enumerated() {
        text.add("image \(index + 1)", link.path) { link.describe(in: &$0) }
      }
    }
    for warning in warnings { text.add("warning", warning) }
    return text.lines
  }
}

extension DiskInformation.Geometry {
  /// The numbers that are known.
  fileprivate var text: String {
    let numbers = [
      (cylinders, "cylinders"), (heads, "heads"), (sectors, "sectors"), (biosCylinders, "BIOS cylinders"),
      (biosHeads, "BIOS heads"), (biosSectors, "BIOS sectors"),
    ]
    return numbers.compactMap { number, name in number.map { "\($0) \(name)" } }.joined(separator: ", ")
  }
}

extension DiskInformation.Link {
  fileprivate func describe(in text: inout InformationText) {
    text.add("create type", createType)
    text.add("virtual size", bytes: virtualSize)
    text.add("allocated size", bytes: allocatedSize)
    text.add("file size", bytes: fileSize)
    text.add("disk usage", bytes: diskUsage)
    text.add("cid", cid)
    text.add("parent cid", parentCID)
    text.add("parent hint", parentHint)
    text.add("encoding", encoding)
    for (index, extent) in extents.enumerated() {
      text.add("extent \(index + 1)") { extent.describe(in: &$0) }
    }
  }
}

extension DiskInformation.Extent {
  fileprivate func describe(in text: inout InformationText) {
    text.add("access", access)
    text.add("type", type)
    text.add("start", bytes: start)
    text.add("size", bytes: size)
    text.add("file", file)
    if let fileOffset { text.add("file offset", bytes: fileOffset) }
    if let grains {
      text.add("header", "\(grains.kind), version \(grains.version)")
      text.add("grain size", bytes: grains.grainSize)
      text.add("compressed", grains.isCompressed ? "yes" : "no")
      text.add("redundant directory", grains.hasRedundantDirectory ? "yes" : "no")
    }
    text.add("allocated size", bytes: allocatedSize)
    text.add("zero size", bytes: zeroSize)
    text.add("unreadable size", bytes: unreadableSize)
    text.add("state", state == .unclean ? "not closed cleanly" : state.rawValue)
  }
}
