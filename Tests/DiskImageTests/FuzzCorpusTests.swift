import DiskFuzzing
import FoundationEssentials
import SystemPackage
import Testing

/// The fuzzer's seeds and findings, in a build with more checks than the fuzzer's own.
struct FuzzCorpusTests {
  private static let corpus = FilePath(#filePath).removingLastComponent().removingLastComponent()
    .appending("Fuzz/corpus")

  static func seeds() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: corpus.string).sorted()
  }

  @Test(arguments: try seeds())
  func seed(_ name: String) throws {
    let fuzzer = try DiskFuzzer()
    let bytes = try Data(contentsOf: URL(filePath: FuzzCorpusTests.corpus.appending(name).string))
    #expect(bytes.withUnsafeBytes { fuzzer.run($0) } == nil)
  }
}
