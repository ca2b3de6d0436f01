import Foundation
import SystemPackage
import Testing

/// `virt-bmap export` of the maps of real guests: what other programs read is what the map says.
@Suite struct MapExportTests {
  private func export(_ arguments: [any Word]) async throws -> Outcome {
    try await tool(try Products.mapper.string, ["export"] + arguments)
  }

  /// fiwalk reads ext4, FAT, NTFS and exFAT by itself. Its runs are cut to the size of the file.
  @Test func byteRunsAreThoseOfFiwalk() async throws {
    let mapped = try await Maps.layers.value
    let scratch = try Scratch()
    _ = try await export([mapped.file, "--dfxml", "-o", scratch("ours")])
    try scratch.write(try await tool("fiwalk", ["-x", "-z", "-M", mapped.disk]).output, to: "theirs")
    try await tool("xmllint", ["--noout", scratch("ours")])
    let ours = try DFXMLDocument(contentsOf: scratch("ours")).volumes
    let theirs = try DFXMLDocument(contentsOf: scratch("theirs")).volumes
    #expect(theirs.count == 4)
    var compared: [Int] = []
    for (offset, files) in theirs.sorted(by: { $0.key < $1.key }) {
      let volume = try #require(ours[offset], "there is no volume at \(offset)")
      let byName = Dictionary(grouping: volume.filter { $0.type == "r" }, by: \.name)
      var count = 0
      for file in files where file.type == "r" && !file.hasOthers && !isSystemFile(file.name) {
        let size = file.size ?? 0
        // fiwalk 4.11 gives no runs for one file, which has a tree of extents.
        if file.runs.isEmpty, size > 0 {
          #expect(file.name == Array("many-pieces".utf8))
          continue
        }
        // And it cuts names on FAT after 247 characters.
        let found = byName[file.name] ?? volume.filter { file.name.count >= 247 && $0.name.starts(with: file.name) }
        #expect((found.first?.runs ?? []).cut(to: size) == file.runs.cut(to: size), "\(file.name.text)")
        count += 1
      }
      compared.append(count)
    }
    print("\(compared) files have the byte runs of fiwalk")
    #expect(compared.count == 4 && compared.allSatisfy { $0 >= 200 })
  }

  /// The map has the files of NTFS that begin with `$`, and what fiwalk makes of exFAT's tables, as metadata.
  private func isSystemFile(_ name: [UInt8]) -> Bool { name.first == UInt8(ascii: "$") }

  /// Every line of the map is in the other formats, and nothing else.
  @Test func textHasEveryLine() async throws {
    let mapped = try await Maps.layers.value
    struct Range: Decodable {
      var disk: UInt64
      var start: UInt64
      var end: UInt64
      var kind: String
      var device: String
      var path: String?
      var offset: UInt64
    }
    let jsonl = try await export([mapped.file, "--jsonl"]).output.split(separator: 0x0a)
    let csv = try await export([mapped.file, "--csv"]).output.text.components(separatedBy: "\r\n")
    #expect(jsonl.count == mapped.map.lines.count && csv.count == jsonl.count + 2)
    for (index, line) in mapped.map.lines.enumerated() {
      let range = try JSONDecoder().decode(Range.self, from: Data(jsonl[index]))
      #expect(range.disk == line.disk && range.start..<range.end == line.range && range.offset == line.offset)
      #expect(range.kind == String(line.kind) && range.device == line.device.text)
      let path = unescaped(Array((range.path ?? "").utf8), lowest: 0x20, true)
      #expect(path == line.path, "\(range.path ?? "")")
      let start = "\(line.disk),\(line.range.lowerBound),\(line.range.upperBound),\(line.kind),\(line.device.text),"
      #expect(csv[index + 1].hasPrefix(start) && csv[index + 1].hasSuffix(",\(line.offset)"))
    }
  }

  /// The example queries of the manual page are answered.
  @Test func databaseAnswersTheManual() async throws {
    let mapped = try await Maps.layers.value
    let scratch = try Scratch()
    let file = scratch("guest.db")
    _ = try await export([mapped.file, "--sqlite", file])
    #expect(try names(in: scratch.path) == ["guest.db"])
    let counts = try await tool("sqlite3", [file, "PRAGMA integrity_check; SELECT count(*) FROM ranges"]).outputLines
    #expect(counts == ["ok", "\(mapped.map.lines.count)"])
    let page = try [UInt8](contentsOf: Products.package.appending("man/virt-bmap-export.pod")).text
    let queries = page.matches(of: #/(?s)\$ sqlite3 guest\.db "([^"]*)"/#).map { String($0.1) }
    try #require(queries.count == 3)
    let range = try await tool("sqlite3", [file, queries[0]]).outputLines
    let expected = mapped.map.lines.filter { $0.range.overlaps(28_180_480..<28_311_552) && $0.disk == 1 }
    #expect(range.count == expected.count && range.first == "v|/dev/sda|")
    let pieces = try await tool("sqlite3", [file, queries[1]]).outputLines
    let most = mapped.map.objects("f").map(\.value.count).max() ?? 0
    #expect(pieces.count == 10 && pieces.first?.hasPrefix("\(most)|/") == true)
    let kinds = try await tool("sqlite3", [file, queries[2]]).outputLines
    let files = mapped.map.lines.filter { $0.kind == "f" && $0.device == Array("/dev/sda1".utf8) }
    #expect(kinds.contains("/dev/sda1|f|\(files.reduce(0) { $0 + $1.range.count })"))
  }

  /// If there is no room for the temporary database, the message names its directory and not the output.
  @Test func fullTemporaryDirectory() async throws {
    let (mapped, scratch) = (try await Maps.demo.value, try Scratch())
    try scratch.makeDirectory("full")
    // In a mount namespace of its own, so that the mount is gone afterwards whatever happens.
    let script = "mount -t tmpfs -o size=16k none full && TMPDIR=$PWD/full exec \"$1\" export \"$2\" --sqlite out"
    let unshare = geteuid() == 0 ? ["unshare", "-m"] : ["unshare", "-r", "-m"]
    let arguments: [any Word] =
      Array(unshare.dropFirst()) as [any Word] + ["sh", "-c", script, "sh", try Products.mapper, mapped.file]
    let outcome = try await run(unshare[0], arguments, in: scratch.path)
    expectOneLine(outcome, "/full: the temporary database cannot be written", "TMPDIR")
    #expect(try names(in: scratch.path) == ["full"])
  }

  /// An existing file is replaced only by a complete one.
  @Test func badOutput() async throws {
    let scratch = try Scratch()
    let mapper = try Products.mapper.string
    try scratch.write("# virt-bmap 2\n# disk 1 size=ffffffffffffffff\n1 0 1000 f /dev/sda1 /x\n", to: "map.bmap")
    try scratch.write("precious", to: "old")
    let tooLarge = try await run(mapper, ["export", scratch("map.bmap"), "--sqlite", scratch("old")])
    expectOneLine(tooLarge, "18446744073709551615")
    try scratch.write("# virt-bmap 2\n1 0 zz f /dev/sda1 /x\n", to: "bad.bmap")
    for arguments in [["--sqlite", scratch("old").string], ["--csv", "-o", scratch("old").string]] {
      expectOneLine(try await run(mapper, ["export", scratch("bad.bmap")] + arguments), "line 2")
      let full = try await run(mapper, ["export", scratch("map.bmap")] + arguments.dropLast() + ["/dev/full"])
      #expect(full.end == .exited(1) && full.errorLines.count == 1)
    }
    for option in ["--sqlite", "-o"] {
      let nowhere = scratch("no/such").string
      expectOneLine(
        try await run(mapper, ["export", scratch("map.bmap"), option, nowhere] + (option == "-o" ? ["--csv"] : [])),
        "no/such")
    }
    // A hyphen is standard output.
    for output in [["--csv", "-o", "-"], ["--csv"]] {
      let text = try await run(mapper, ["export", scratch("map.bmap")] + output, in: scratch.path).output.text
      #expect(text.components(separatedBy: "\r\n").contains("1,0,4096,f,/dev/sda1,/x,0"), "\(text)")
    }
    #expect(try [UInt8](contentsOf: scratch("old")).text == "precious")
    #expect(try names(in: scratch.path) == ["bad.bmap", "map.bmap", "old"])
    for arguments in [[], ["--csv", "--dfxml"], ["--sqlite", "x", "-o", "y"]] as [[String]] {
      expectOneLine(try await run(mapper, ["export", scratch("map.bmap")] + arguments))
    }
  }
}
