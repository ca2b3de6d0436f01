import ArgumentParser

/// What a map can be asked.
enum Question: Sendable {
  /// What is in these bytes of the disk? Not empty.
  case range(Range<UInt64>)
  /// Where is the object `DEVICE[:PATH]`?
  case object([UInt8])

  static let sectorSize: UInt64 = 512

  /// A sector by its number.
  init(sector text: String) throws {
    guard let number = ByteCount(text)?.value, let range = Self.sector(number) else {
      throw ValidationError("\(text): not the number of a sector")
    }
    self = range
  }

  /// A line of standard input.
  init?(line: [UInt8]) {
    if line.first == 0x2f || line.starts(with: Array("btrfsvol:".utf8)) {
      self = .object(line)
      return
    }
    let text = String(decoding: line, as: UTF8.self)
    if text.hasSuffix("s"), let number = ByteCount(String(text.dropLast()))?.value, let sector = Self.sector(number) {
      self = sector
    } else {
      self.init(argument: text)
    }
  }

  private static func sector(_ number: UInt64) -> Question? {
    let (start, overflow) = number.multipliedReportingOverflow(by: sectorSize)
    guard !overflow, start <= UInt64.max - sectorSize else { return nil }
    return .range(start..<start + sectorSize)
  }
}

extension Question: ExpressibleByArgument {
  /// An offset `N` or a range `A-B`.
  init?(argument: String) {
    let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { ByteCount(String($0))?.value }
    switch ends.count {
    case 1:
      guard let start = ends[0], start < UInt64.max else { return nil }
      self = .range(start..<start + 1)
    case 2:
      guard let start = ends[0], let end = ends[1], start < end else { return nil }
      self = .range(start..<end)
    default: return nil
    }
  }
}

/// A number of bytes as people write it: decimal or `0x…`, with a suffix k, M, G or T in powers of 1024, or s for
/// sectors.
struct ByteCount {
  let value: UInt64

  init?(_ text: String) {
    var digits = Substring(text)
    var unit: UInt64 = 1
    switch digits.last {
    case "k", "K": unit = 1 << 10
    case "m", "M": unit = 1 << 20
    case "g", "G": unit = 1 << 30
    case "t", "T": unit = 1 << 40
    case "s": unit = Question.sectorSize
    default: break
    }
    if unit > 1 { digits = digits.dropLast() }
    let isHex = digits.hasPrefix("0x") || digits.hasPrefix("0X")
    if isHex { digits = digits.dropFirst(2) }
    guard digits.first?.isHexDigit == true, let number = UInt64(digits, radix: isHex ? 16 : 10) else { return nil }
    let (value, overflow) = number.multipliedReportingOverflow(by: unit)
    guard !overflow else { return nil }
    self.value = value
  }
}
