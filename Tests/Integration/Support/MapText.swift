import SystemPackage

/// A map, parsed from the description of the format alone, so that the tests find mistakes that the program's own
/// reader and writer share.
struct MapText {
  struct Line {
    var disk: UInt64
    var range: Range<UInt64>
    var kind: Character
    /// Offset of the range in the object.
    var offset: UInt64
    var device: [UInt8]
    /// Empty if the object has no path.
    var path: [UInt8]

    var name: ObjectName { ObjectName(device: device.text, path: path) }
  }

  var comments: [String] = []
  var lines: [Line] = []

  init(contentsOf path: FilePath) throws { try self.init([UInt8](contentsOf: path)) }

  /// - Parameter isAnswer: whether the lines are output of lookup, which escapes more bytes than the format requires.
  init(_ bytes: [UInt8], isAnswer: Bool = false) throws {
    guard bytes.last == 0x0a else { throw TestFailure("the map does not end with a newline") }
    var last: Line?
    for (index, line) in bytes.dropLast().split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
      func wrong(_ what: String) -> TestFailure { TestFailure("line \(index + 1): \(what): \(Array(line).text)") }
      if line.first == 0x23 {
        comments.append(Array(line).text)
        continue
      }
      let fields = line.split(separator: 0x20, maxSplits: 5, omittingEmptySubsequences: false).map { Array($0) }
      guard fields.count >= 5, let disk = UInt64(String(decoding: fields[0], as: UTF8.self)),
        let start = hex(fields[1]), let end = hex(fields[2])
      else {
        throw wrong("not five fields with numbers")
      }
      guard disk >= 1, start < end else { throw wrong("not a range") }
      let kind = fields[3].split(separator: 0x40, maxSplits: 1, omittingEmptySubsequences: false)
      guard kind[0].count == 1, let letter = kind[0].first, let offset = kind.count > 1 ? hex(Array(kind[1])) : 0 else {
        throw wrong("not a kind")
      }
      if kind.count > 1, offset == 0 { throw wrong("an offset of 0") }
      guard let device = unescaped(fields[4], lowest: 0x21, isAnswer) else {
        throw wrong("a device that is not escaped right")
      }
      guard let path = fields.count < 6 ? [] : unescaped(fields[5], lowest: 0x20, isAnswer) else {
        throw wrong("a path that is not escaped right")
      }
      let next = Line(
        disk: disk, range: start..<end, kind: Character(Unicode.Scalar(letter)), offset: offset, device: device,
        path: path)
      if let last {
        let order = (last.disk, last.range.lowerBound, last.range.upperBound)
        guard order <= (disk, start, end) else { throw wrong("not sorted") }
      }
      last = next
      lines.append(next)
    }
  }

  /// The ranges of one object, by their offset in it.
  func lines(_ kind: Character, _ device: String, _ path: [UInt8] = []) -> [Line] {
    lines.filter { $0.kind == kind && $0.device == Array(device.utf8) && $0.path == path }
      .sorted { $0.offset < $1.offset }
  }
}

/// A number as maps contain it: lower case, no leading zeros.
private func hex(_ digits: [UInt8]) -> UInt64? {
  guard digits.count <= 16, digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }),
    digits.first != 0x30 || digits.count == 1
  else { return nil }
  return UInt64(digits.text, radix: 16)
}

/// The unescaped bytes of a name; nil unless exactly the bytes that need escaping are escaped.
/// - Parameter isAnswer: whether bytes from 0x80 up may be escaped too.
func unescaped(_ name: [UInt8], lowest: UInt8, _ isAnswer: Bool = false) -> [UInt8]? {
  var result: [UInt8] = []
  var rest = name[...]
  while let byte = rest.popFirst() {
    guard byte == 0x5c else {
      guard byte >= lowest, byte != 0x7f else { return nil }
      result.append(byte)
      continue
    }
    guard rest.count >= 3, let value = UInt8(Array(rest.prefix(3)).text, radix: 8),
      value < lowest || value == 0x7f || value == 0x5c || (isAnswer && value >= 0x80)
    else { return nil }
    result.append(value)
    rest = rest.dropFirst(3)
  }
  return result
}

/// The name of an object in a map or a guest.
struct ObjectName: Hashable, CustomStringConvertible {
  var device: String
  var path: [UInt8]

  var description: String {
    let shown = path.count > 200 ? "\(Array(path.prefix(100)).text)... (\(path.count) bytes)" : path.text
    return "\(device):\(shown)"
  }
}

extension MapText {
  /// The ranges of all objects of one kind, by name.
  func objects(_ kind: Character) -> [ObjectName: [Line]] {
    Dictionary(grouping: lines.filter { $0.kind == kind }, by: \.name)
  }
}
