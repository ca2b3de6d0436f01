@testable import GuestWalker

extension ParserFuzzer {
  /// A directory of exFAT.
  static let exFATEntries = ParserFuzzer("exfat-entries") { bytes in
    let directory = Array(bytes)
    let entries = ExFATEntry.all(in: directory)
    try check(entries.count <= directory.count / 32, "\(entries.count) entries in \(directory.count) bytes")
    try check(entries.allSatisfy { $0.name.count <= 3 * 255 }, "a name is too long")
  }

  /// A directory of FAT.
  static let fatEntries = ParserFuzzer("fat-entries") { bytes in
    let directory = Array(bytes)
    for isFAT32 in [false, true] {
      let entries = FATEntry.all(in: directory, isFAT32: isFAT32)
      try check(entries.count <= directory.count / 32, "\(entries.count) entries in \(directory.count) bytes")
      try check(isFAT32 || entries.allSatisfy { $0.firstCluster <= 0xffff }, "a cluster has too large a number")
    }
  }
}
