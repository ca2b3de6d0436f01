import AccessLog
import BlockMap

extension TextLogParser {
  /// The ranges of a line, such as ` 2:a10400-a18400 +1000 stale`, or a flush, which has none.
  struct Ranges {
    private var position: Int
    private var end: Int
    private var isFlush = false

    init(end: Int = 0) {
      position = 0
      self.end = end
    }

    init(flush: Bool) {
      self.init()
      isFlush = flush
    }

    /// Makes a request of the next range.
    /// - Returns: false after the last one.
    mutating func next(
      _ line: UnsafeRawBufferPointer, _ log: TextLogParser, into request: inout LoggedRequest, _ objects: ObjectTable
    ) throws(LineProblem) -> Bool {
      request.reset()
      request.operation = log.operation
      if isFlush {
        isFlush = false
        return true
      }
      guard let word = word(line) else { return false }
      (request.disk, request.range) = try Self.range(word)
      let offsets = try offsets(line)
      let isStale = skip("stale", line)
      for (number, object) in log.objects.enumerated() {
        let offset = offsets.isEmpty ? nil : offsets[offsets.count == 1 ? 0 : min(number, offsets.count - 1)]
        request.add(LoggedRequest.Owner(object: object, offset: offset))
      }
      request.addPiece(request.range, isStale: isStale, isRest: false, named: log.objects.count, in: objects)
      return true
    }

    /// The next word; nil at the end of the line.
    private mutating func word(_ line: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
      while position < end, line[position] == 0x20 { position += 1 }
      guard position < end else { return nil }
      let start = position
      while position < end, line[position] != 0x20 { position += 1 }
      return line[start..<position]
    }

    private mutating func skip(_ text: StaticString, _ line: UnsafeRawBufferPointer) -> Bool {
      let start = position
      guard let next = word(line),
        next.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
      else {
        position = start
        return false
      }
      return true
    }

    private mutating func offsets(_ line: UnsafeRawBufferPointer) throws(LineProblem) -> [UInt64] {
      let start = position
      guard let next = word(line), next.first == UInt8(ascii: "+") else {
        position = start
        return []
      }
      var offsets: [UInt64] = []
      for text in next.dropFirst().split(separator: 0x2c, omittingEmptySubsequences: false) {
        offsets.append(try TextLogParser.hexadecimal(text))
      }
      return offsets
    }

    private static func range(_ word: Slice<UnsafeRawBufferPointer>) throws(LineProblem) -> (Int, Range<UInt64>) {
      var rest = word
      var disk = 1
      if let colon = word.firstIndex(of: UInt8(ascii: ":")) {
        guard let number = Int(String(decoding: word[..<colon], as: UTF8.self)),
          (1...Int(FormatLimits.disks)).contains(number)
        else { throw LineProblem("a disk's number is not from 1 to \(FormatLimits.disks)") }
        (disk, rest) = (number, word[(colon + 1)...])
      }
      guard let dash = rest.firstIndex(of: UInt8(ascii: "-")) else { throw LineProblem("not a range START-END") }
      let (start, end) = try (
        TextLogParser.hexadecimal(rest[..<dash]), TextLogParser.hexadecimal(rest[(dash + 1)...])
      )
      guard start <= end else { throw LineProblem("a range ends before it begins") }
      return (disk, start..<end)
    }
  }

  /// The value of 1 to 16 hexadecimal digits.
  fileprivate static func hexadecimal(_ digits: Slice<UnsafeRawBufferPointer>) throws(LineProblem) -> UInt64 {
    guard !digits.isEmpty, digits.count <= 16 else { throw LineProblem("not a range START-END in hexadecimal") }
    var value: UInt64 = 0
    for byte in digits {
      let letter = (byte | 0x20) &- 0x61
      guard byte &- 0x30 <= 9 || letter <= 5 else { throw LineProblem("not a range START-END in hexadecimal") }
      value = value << 4 | UInt64(byte &- 0x30 <= 9 ? byte &- 0x30 : letter + 10)
    }
    return value
  }
}
