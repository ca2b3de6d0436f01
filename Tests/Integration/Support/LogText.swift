import SystemPackage

/// A text log, parsed from the description in the manual page alone.
struct LogText {
  /// One or more consecutive requests for the same objects. `objects` is empty where the map has nothing.
  struct Part: Equatable {
    struct Object: Hashable {
      var kind: Character
      var name: ObjectName
    }
    var operation = "read"
    /// More than one if a file has several names.
    var objects: Set<Object>
    var ranges: [Range<UInt64>]

    /// The same part with adjacent ranges merged.
    var joined: Part {
      var result: [Range<UInt64>] = []
      for range in ranges {
        if let last = result.last, last.upperBound == range.lowerBound {
          result[result.count - 1] = last.lowerBound..<range.upperBound
        } else {
          result.append(range)
        }
      }
      return Part(operation: operation, objects: objects, ranges: result)
    }
  }

  var parts: [Part] = []
  /// For each range of all parts, in order, the offset in each object; empty without `offsets=true`.
  var offsets: [[UInt64]] = []
  /// For each range of all parts, in order, the number of its disk.
  var disks: [Int] = []
  /// The ranges marked stale: they had been written before.
  var stale: [Range<UInt64>] = []
  var flushes = 0
  /// Lines that start with `#`.
  var remarks: [String] = []

  init(contentsOf path: FilePath) throws {
    var names: Set<Part.Object>?
    var operation = "read"
    for line in try [UInt8](contentsOf: path).split(separator: 0x0a, omittingEmptySubsequences: false) {
      func wrong() -> TestFailure { TestFailure("not a line of a log: \(Array(line).text)") }
      if line.isEmpty { continue }
      if line.first == 0x23 {
        remarks.append(Array(line).text)
      } else if line.first == 0x20 {
        if let found = names {
          parts.append(Part(operation: operation, objects: found, ranges: []))
          names = nil
        }
        guard !parts.isEmpty else { throw wrong() }
        for field in line.dropFirst().split(separator: 0x20, omittingEmptySubsequences: false) {
          if field.first == 0x2b {
            let numbers = field.dropFirst().split(separator: 0x2c).map { UInt64(Array($0).text, radix: 16) }
            guard !numbers.isEmpty, !numbers.contains(nil) else { throw wrong() }
            offsets.append(numbers.compactMap { $0 })
            continue
          }
          if field.elementsEqual("stale".utf8) {
            guard let last = parts.last?.ranges.last else { throw wrong() }
            stale.append(last)
            continue
          }
          let words = field.split(separator: 0x3a)
          guard let disk = words.count == 2 ? Int(Array(words[0]).text) : 1, let range = words.last else {
            throw wrong()
          }
          let ends = range.split(separator: 0x2d).map { UInt64(Array($0).text, radix: 16) }
          guard ends.count == 2, let start = ends[0], let end = ends[1], start < end else { throw wrong() }
          parts[parts.count - 1].ranges.append(start..<end)
          disks.append(disk)
        }
      } else {
        let fields = line.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false).map { Array($0) }
        guard ["read", "write", "zero", "trim", "flush", "cache"].contains(fields[0].text), fields.count >= 2 else {
          throw wrong()
        }
        if names != nil, operation != fields[0].text { throw wrong() }
        operation = fields[0].text
        if operation == "flush" {
          guard names == nil, fields.count == 2, fields[1] == [0x2d] else { throw wrong() }
          flushes += 1
          continue
        }
        var found = names ?? []
        if fields[1] != [0x2d] {
          guard fields.count >= 3, fields[1].count == 1, let letter = fields[1].first,
            let device = unescaped(fields[2], lowest: 0x21),
            let path = fields.count < 4 ? [] : unescaped(fields[3], lowest: 0x20)
          else { throw wrong() }
          found.insert(
            Part.Object(
              kind: Character(Unicode.Scalar(letter)), name: ObjectName(device: device.text, path: path)))
        }
        names = found
      }
    }
    guard names == nil else { throw TestFailure("an object line without ranges") }
  }
}

extension MapText {
  /// What the log of these requests, one after the other, must contain: the most specific objects of each piece.
  func attribution(of requests: [Range<UInt64>]) -> [LogText.Part] {
    let order: [Set<Character>] = [["f"], ["d", "a"], ["b", "m", "r", "s"], ["u"], ["l"], ["p"], ["v"]]
    var parts: [LogText.Part] = []
    for request in requests {
      let touched = lines.filter { $0.range.overlaps(request) }
      let borders = touched.flatMap { [$0.range.lowerBound, $0.range.upperBound] }.filter { request.contains($0) }
      let cuts = Set(borders + [request.lowerBound, request.upperBound]).sorted()
      for (start, end) in zip(cuts, cuts.dropFirst()) {
        let here = touched.filter { $0.range.lowerBound <= start && $0.range.upperBound >= end }
        let kinds = order.first { kinds in here.contains { kinds.contains($0.kind) } } ?? []
        let named = here.filter { kinds.contains($0.kind) }
        // A logical partition lies in the extended one: of devices that contain each other, take the innermost.
        let least = named.map(\.range.count).min()
        let isOfDevices = !kinds.isDisjoint(with: ["l", "p", "v"])
        let objects = Set(
          named.filter { !isOfDevices || $0.range.count == least }
            .map { LogText.Part.Object(kind: $0.kind, name: $0.name) })
        if parts.last?.objects == objects {
          parts[parts.count - 1].ranges.append(start..<end)
        } else {
          parts.append(LogText.Part(objects: objects, ranges: [start..<end]))
        }
      }
    }
    return parts.map(\.joined)
  }
}
