import FoundationEssentials
import SystemPackage
import Testing

/// Runs the fuzzers' seeds and past findings in a build with more checks than the fuzzers' own.
@Suite(.serialized) struct ParserCorpusTests {
  private static let corpora = FilePath(#filePath).removingLastComponent().removingLastComponent().appending("corpora")

  @Test(arguments: ParserFuzzer.all.map(\.name))
  func corpus(_ name: String) throws {
    let parser = try #require(ParserFuzzer.all.first { $0.name == name })
    let corpus = Self.corpora.appending(name)
    let inputs = try FileManager.default.contentsOfDirectory(atPath: corpus.string).sorted()
    #expect(!inputs.isEmpty, "there are no seeds")
    for input in inputs {
      let bytes = try Data(contentsOf: URL(filePath: corpus.appending(input).string))
      #expect(bytes.withUnsafeBytes { parser.violation(of: $0) } == nil, "\(input)")
    }
  }

  /// A corpus without a parser would never be run.
  @Test func everyCorpusHasItsParser() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.corpora.string)
    #expect(Set(names) == Set(ParserFuzzer.all.map(\.name)))
  }
}
