@testable import GuestWalker

extension ParserFuzzer {
  /// A directory of exFAT.
  static let exFATEntries = ParserFuzzer("exfat-entries") { bytes in
    let directory = Array(bytes)
    let entries = ExFATEntry.all(in: directory)
    try check(entries.count <= directory.count / 32, "\(entries.count) entries in \(directory.count) bytes")
    try check(entries.allSatisfy { $0.name.count <= 3 * 255 }, "a name is too long")
  }
}
