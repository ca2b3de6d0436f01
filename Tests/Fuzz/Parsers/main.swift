import FuzzLoop
import Glibc

// Runs libFuzzer on the parser that BMAP_PARSER names. Tests/Fuzz/run builds and runs this.

guard let name = getenv("BMAP_PARSER").map({ String(cString: $0) }),
  let parser = ParserFuzzer.all.first(where: { $0.name == name })
else { fatalError("BMAP_PARSER names none of these: \(ParserFuzzer.all.map(\.name).joined(separator: " "))") }
fuzz(bounded: getenv("BMAP_UNBOUNDED") == nil) { parser.violation(of: $0) }
