import Testing

@testable import Mapping

/// The output of debugfs for encrypted files, as filtered by the script.
@Suite struct EncryptedFilesTests {
  private func pieces(_ text: String, asked: [UInt64], isUnwritten: Bool = false) -> [[UInt64]] {
    EncryptedFiles.Answer(parsing: text, asked: asked).pieces.filter { $0.isUnwritten == isUnwritten }.map {
      [$0.inode, $0.range.lowerBound, UInt64($0.range.count), $0.offset]
    }
  }

  @Test func piecesOfFiles() {
    let text = """
      block size: 4096
      inode 12
      size 9000
      piece (0-1):100-101
      piece (2-7):300-305
      inode 13
      size 0
      inode 14
      size 5000000
      piece (0):7
      piece (1000-1001):8-9
      """
    let expected: [[UInt64]] = [
      [12, 409_600, 8192, 0], [12, 1_228_800, 4096, 8192], [14, 28_672, 4096, 0], [14, 32_768, 8192, 4_096_000],
    ]
    #expect(pieces(text, asked: [12, 13, 14]) == expected)
    // Beyond the end of the file.
    #expect(pieces(text, asked: [12, 13, 14], isUnwritten: true) == [[12, 1_232_896, 20_480, 12_288]])
    #expect(EncryptedFiles.Answer(parsing: text, asked: [12, 13, 14, 15]).inodes == [12, 13, 14])
    // Inodes that were not asked about are ignored.
    #expect(pieces(text, asked: [14]).map { $0[0] } == [14, 14])
  }

  /// A file of 20,000 bytes with preallocated blocks.
  @Test func unwrittenPieces() {
    let text = "block size: 4096\ninode 12\nsize 20000\npiece (0-3):1291-1294\npiece (4-20[u]):1296-1312\n"
    #expect(pieces(text, asked: [12]) == [[12, 1291 * 4096, 16_384, 0]])
    #expect(pieces(text, asked: [12], isUnwritten: true) == [[12, 1296 * 4096, 17 * 4096, 16_384]])
  }

  @Test(arguments: [
    "piece (0[u):1", "piece ([u]):1", "piece (0-1[u]):5", "piece (0-1):100-102", "piece (1-0):100-101",
    "piece (0):0", "piece (0):", "piece ():1", "piece (0):1-2-3",
    "piece (0):18446744073709551615", "piece (0):99999999999999999999", "piece 0:1",
    "piece (4503599627370495):4503599627370495",
  ])
  func whatMakesNoSense(line: String) {
    for isUnwritten in [false, true] {
      let text = "block size: 4096\ninode 12\nsize 4096\n\(line)\n"
      #expect(pieces(text, asked: [12], isUnwritten: isUnwritten) == [])
    }
  }

  @Test func withoutABlockSize() {
    for text in ["", "block size: 0\ninode 12\nsize 1\npiece (0):1", "inode 12\nsize 1\npiece (0):1"] {
      #expect(EncryptedFiles.Answer(parsing: text, asked: [12]).inodes.isEmpty)
    }
  }
}
