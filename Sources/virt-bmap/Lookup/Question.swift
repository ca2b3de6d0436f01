import ArgumentParser
import BlockMap
import Synchronization

/// A question to a map.
struct Question: Sendable {
  enum Asked: Sendable {
    /// What is in these bytes of the disk? The range is not empty.
    case range(Range<UInt64>)
    /// Where is the object `DEVICE[:PATH]`, or the one with this path on any device?
    case object([UInt8])
  }

  let asked: Asked
  /// The question as the user wrote it, for people.
  let description: String

  private static let sectorSize: UInt64 = 512

  /// The object with this name.
  init(name: [UInt8]) {
    asked = .object(name)
    description = Escaping.text(name, as: .path)
  }

  /// The byte at an offset.
  init(offset text: String) throws {
    guard let start = ByteCount(text)?.value, start < UInt64.max else {
      throw ValidationError("\(text): not an offset below 2^64 - 1 bytes")
    }
    self.init(start..<start + 1, "byte \(text)")
  }

  /// The bytes of a range `A-B`.
  init(range text: String) throws {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { ByteCount(String($0))?.value }
    guard ends.count == 2, let start = ends[0], let end = ends[1], start < end else {
      throw ValidationError("\(text): not a range A-B with A below B")
    }
    self.init(start..<end, "bytes \(text)")
  }

  /// A sector by its number.
  init(sector text: String) throws {
    guard let number = ByteCount(text)?.value, let range = Self.sector(number) else {
      throw ValidationError("\(text): not the number of a sector below 2^55 - 1")
    }
    self.init(range, "sector \(text)")
  }

  /// Bytes that are part of another question.
  init(_ range: Range<UInt64>, _ description: String) {
    asked = .range(range)
    self.description = description
  }

  /// A question on a line of standard input.
  init?(line: UnsafeRawBufferPointer) {
    if let first = line.first, first == 0x2f || line.starts(with: "btrfsvol:".utf8) {
      self.init(name: Array(line))
      return
    }
    let text = String(decoding: line, as: UTF8.self)
    let question: Question?
    if text.utf8.last == UInt8(ascii: "s") {
      question = try? Question(sector: String(text.dropLast()))
    } else {
      question = text.utf8.contains(UInt8(ascii: "-")) ? try? Question(range: text) : try? Question(offset: text)
    }
    guard let question else { return nil }
    self = question
  }

  private static func sector(_ number: UInt64) -> Range<UInt64>? {
    let (start, overflow) = number.multipliedReportingOverflow(by: sectorSize)
    guard !overflow, start <= UInt64.max - sectorSize else { return nil }
    return start..<start + sectorSize
  }
}

/// A question of the command line, and how many came before it. The parser groups questions by option, but the answers
/// must be in the order of the questions.
struct OrderedQuestion: Sendable {
  enum Kind: Sendable {
    case plain(Question)
    /// A byte of one of the image's own files.
    case container(ContainerByte)
  }

  let position: Int
  let kind: Kind

  private static let count = Atomic(0)

  init(_ kind: Kind) {
    self.kind = kind
    position = Self.count.add(1, ordering: .relaxed).oldValue
  }
}
