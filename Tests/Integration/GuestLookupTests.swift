import FoundationEssentials
import SystemPackage
import Testing

/// `virt-bmap lookup` finds the files of a real guest where filefrag says they are.
@Suite struct GuestLookupTests {
  private struct Answer: Decodable {
    struct Object: Decodable {
      var kind: String
      var device: String
      var path: String?
      var offset: UInt64
      var start: UInt64
      var end: UInt64
    }
    var objects: [Object]
  }

  private func lookup(_ arguments: [any Word], input: String = "") async throws -> Outcome {
    let isJSON = arguments.contains { $0.bytes.elementsEqual("--json".utf8) }
    let form: [any Word] = isJSON ? [] : ["--format", "map"]
    return try await run(try Products.mapper.string, ["lookup"] + form + arguments, input: input)
  }

  @Test func everyExtentIsItsFiles() async throws {
    let mapped = try await Maps.layers.value
    let oracle = try await LayersOracle.shared.value
    let parts = try await partitions(of: mapped.disk)
    var questions: [(offset: UInt64, name: ObjectName, inFile: UInt64)] = []
    for (name, file) in oracle.files where !name.path.contains(where: { $0 < 0x20 || $0 >= 0x7f || $0 == 0x5c }) {
      let segments: [LayersOracle.Segment] =
        name.device == "/dev/sda1"
        ? [LayersOracle.Segment(volume: name.device, offset: 0, physical: 0, length: UInt64(parts[0].count))]
        : oracle.segments.filter { $0.volume == name.device }
      let start = parts[name.device == "/dev/sda1" ? 0 : 4].lowerBound
      // Btrfs's addresses would have to be translated. Several names of one file cannot be told apart, nor can copies
      // that share blocks.
      guard !segments.isEmpty, !name.path.starts(with: "/links/".utf8), !name.path.starts(with: "/nested/b/three".utf8)
      else { continue }
      for extent in file.extents
      where extent.flags.isDisjoint(with: ["unwritten", "shared"]) && extent.offset < file.size {
        guard
          let segment = segments.first(where: {
            extent.physical >= $0.offset && extent.physical < $0.offset + $0.length
          })
        else { continue }
        questions.append((start + segment.physical + extent.physical - segment.offset, name, extent.offset))
      }
    }
    #expect(questions.count > 700)
    let input = questions.map { "\($0.offset)\n" }.joined()
    let outcome = try await lookup([mapped.file, "--json"], input: input)
    #expect(outcome.end == .exited(0))
    #expect(outcome.errors.text == "")
    let answers = try outcome.output.split(separator: 0x0a).map {
      try JSONDecoder().decode(Answer.self, from: Data($0))
    }
    try #require(answers.count == questions.count)
    for (answer, question) in zip(answers, questions) {
      let first = try #require(answer.objects.first)
      #expect(
        first.kind == "f" && first.device == question.name.device && first.path == question.name.path.text
          && first.offset == question.inFile, "\(question)")
      // Then the devices that it lies in, up to the disk.
      let kinds = answer.objects.map(\.kind)
      #expect(kinds == (question.name.device == "/dev/sda1" ? ["f", "p", "v"] : ["f", "l", "p", "v"]), "\(question)")
      #expect(answer.objects.last?.offset == question.offset)
    }
  }

  @Test func sectorsRangesAndNames() async throws {
    let mapped = try await Maps.layers.value
    let path = Array("/names/not UTF-8 ".utf8) + [0xff, 0xfe, 0x80]
    let line = try #require(mapped.map.lines("f", "/dev/vg/xfs", path).first)
    let start = line.range.lowerBound
    let byName = try await lookup([mapped.file, "--path", Array("/dev/vg/xfs:".utf8) + path])
    #expect(byName.end == .exited(0))
    let found = try MapText(byName.output, isAnswer: true)
    #expect(found.lines.map(\.range) == [line.range])
    #expect(found.lines.map(\.path) == [path])

    for question in [
      ["--offset", "\(start)"], ["--offset", "0x\(String(start, radix: 16))"], ["--sector", "\(start / 512)"],
      ["--offset", "\(start / 512)s"], ["--range", "\(start)-\(start + 1)"],
    ] {
      let outcome = try await lookup([mapped.file] + question)
      #expect(outcome.end == .exited(0))
      #expect(try MapText(outcome.output, isAnswer: true).lines.first?.path == path, "\(question)")
    }
  }

  @Test func nothingThereAndErrors() async throws {
    let mapped = try await Maps.layers.value
    for nothing in [["--offset", "1T"], ["--path", "/dev/sda1:/no such file"]] {
      let outcome = try await lookup([mapped.file] + nothing)
      #expect(outcome.end == .exited(1))
    }
    for wrong in [["--offset", "x"], ["--range", "2-1"], ["--sector", "-1"], ["--no-such-option"]] {
      let outcome = try await lookup([mapped.file] + wrong)
      #expect(outcome.end != .exited(0) && outcome.output.text == "")
      #expect(outcome.errorLines.count == 1, "\(outcome.errors.text)")
    }
    let noMap = try await lookup(["/etc/passwd", "--offset", "1"])
    #expect(noMap.end != .exited(0) && noMap.errorLines.count == 1, "\(noMap.errors.text)")
    #expect(noMap.errors.text.hasPrefix("virt-bmap: /etc/passwd: line 1: "), "\(noMap.errors.text)")
  }
}
