import ArgumentParser
import Bytes
import Synchronization

/// A question to a map.
enum Question: Sendable {
  /// What is in these bytes of the disk? The range is not empty.
  case range(Range<UInt64>)
  /// Where is the object `DEVICE[:PATH]`?
  case object([UInt8])

  static let sectorSize: UInt64 = 512

  /// The byte at an offset.
  init(offset text: String) throws {
    guard let start = ByteCount(text)?.value, start < UInt64.max else {
      throw ValidationError("\(text): not an offset")
    }
    self = .range(start..<start + 1)
  }

  /// The bytes of a range `A-B`.
  init(range text: String) throws {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { ByteCount(String($0))?.value }
    guard ends.count == 2, let start = ends[0], let end = ends[1], start < end else {
      throw ValidationError("\(text): not a range A-B with A below B")
    }
    self = .range(start..<end)
  }

  /// A sector by its number.
  init(sector text: String) throws {
    guard let number = ByteCount(text)?.value, let range = Self.sector(number) else {
      throw ValidationError("\(text): not the number of a sector")
    }
    self = range
  }

  /// A question on a line of standard input.
  init?(line: [UInt8]) {
    if line.first == 0x2f || line.starts(with: Array("btrfsvol:".utf8)) {
      self = .object(line)
      return
    }
    let text = String(decoding: line, as: UTF8.self)
    let question: Question?
    if text.hasSuffix("s") {
      question = try? Question(sector: String(text.dropLast()))
    } else {
      question = text.contains("-") ? try? Question(range: text) : try? Question(offset: text)
    }
    guard let question else { return nil }
    self = question
  }

  private static func sector(_ number: UInt64) -> Question? {
    let (start, overflow) = number.multipliedReportingOverflow(by: sectorSize)
    guard !overflow, start <= UInt64.max - sectorSize else { return nil }
    return .range(start..<start + sectorSize)
  }
}

/// A question of the command line, and how many came before it. The parser groups questions by option, but the answers
/// must be in the order of the questions.
struct OrderedQuestion: Sendable {
  let position: Int
  let question: Question

  private static let count = Atomic(0)

  init(_ question: Question) {
    self.question = question
    position = Self.count.add(1, ordering: .relaxed).oldValue
  }
}

/// A number of bytes as people write it: decimal or `0x…`, with a suffix k, M, G or T for powers of 1024, or s for
/// sectors.
struct ByteCount {
  let value: UInt64

  init(value: UInt64) { self.value = value }

  init?(_ text: String) {
    guard let value = Array(text.utf8)[...].byteCount else { return nil }
    self.value = value
  }
}

extension ByteCount: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }

  var defaultValueDescription: String { value.isMultiple(of: 1 << 30) ? "\(value >> 30)G" : String(value) }
}
