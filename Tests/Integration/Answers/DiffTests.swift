import Foundation
import SystemPackage
import Testing

/// `virt-bmap diff` on small maps, as a user calls it.
@Suite struct DiffTests {
  private static let old = """
    # virt-bmap 2
    # disk 1 size=100000 format=raw file=disk
    1 1000 80000 p /dev/sda1
    1 2000 3000 f /dev/sda1 /moved
    1 3000 4000 f /dev/sda1 /grown
    1 4000 5000 f /dev/sda1 /vanished
    1 5000 6000 f /dev/sda1 /old
    1 6000 7000 f /dev/sda1 /same

    """
  private static let new = """
    # virt-bmap 2
    # disk 1 size=100000 format=raw file=disk
    1 1000 80000 p /dev/sda1
    1 3000 5000 f /dev/sda1 /grown
    1 5000 6000 f /dev/sda1 /new
    1 6000 7000 f /dev/sda1 /link
    1 6000 7000 f /dev/sda1 /same
    1 8000 9000 f /dev/sda1 /moved
    1 a000 b000 d /dev/sda1 /appeared\\012\\033[31m

    """

  private func diff(_ arguments: [String] = [], _ old: String = Self.old, _ new: String = Self.new) async throws
    -> Outcome
  {
    let scratch = try Scratch()
    try scratch.write(old, to: "old.bmap")
    try scratch.write(new, to: "new.bmap")
    return try await run(try Products.mapper.string, ["diff", scratch("old.bmap"), scratch("new.bmap")] + arguments)
  }

  @Test func text() async throws {
    let outcome = try await diff()
    #expect(outcome.end == .exited(1) && outcome.errors.text == "")
    #expect(
      outcome.output.text == #"""
        +       d    - 4096 /dev/sda1 /appeared\012\033[31m
        size    f 4096 8192 /dev/sda1 /grown
        linked  f    - 4096 /dev/sda1 /same -> /link
        moved   f 4096 4096 /dev/sda1 /moved
        renamed f 4096 4096 /dev/sda1 /old -> /new
        -       f 4096    - /dev/sda1 /vanished

        """#)
  }

  @Test func json() async throws {
    let outcome = try await diff(["--json"])
    #expect(outcome.end == .exited(1) && outcome.outputLines.count == 6)
    #expect(
      outcome.outputLines.dropFirst(2) == [
        #"{"change":"linked","device":"/dev/sda1","kind":"f","new_bytes":4096,"old_device":"/dev/sda1","old_path":"/same","path":"/link"}"#,
        #"{"change":"moved","device":"/dev/sda1","kind":"f","new_bytes":4096,"old_bytes":4096,"path":"/moved"}"#,
        #"{"change":"renamed","device":"/dev/sda1","kind":"f","new_bytes":4096,"old_bytes":4096,"old_device":"/dev/sda1","old_path":"/old","path":"/new"}"#,
        #"{"change":"vanished","device":"/dev/sda1","kind":"f","old_bytes":4096,"path":"/vanished"}"#,
      ])
    for line in outcome.outputLines { _ = try JSONSerialization.jsonObject(with: Data(line.utf8)) }
  }

  /// Names for xargs are not escaped.
  @Test func paths() async throws {
    let outcome = try await diff(["-0"])
    #expect(outcome.end == .exited(1))
    #expect(outcome.output.text == "/appeared\n\u{1b}[31m\0/grown\0/link\0/moved\0/new\0/vanished\0")
  }

  @Test(arguments: [
    (["--kind", "d"], ["/appeared\n\u{1b}[31m"]), (["--only", "/*o*d"], ["/moved", "/new"]),
    (["--device", "/dev/sda1", "--only", "/van*"], ["/vanished"]), (["--disk", "1", "--only", "/lin?"], ["/link"]),
  ])
  func narrowed(arguments: [String], paths: [String]) async throws {
    let outcome = try await diff(["-0"] + arguments)
    #expect(outcome.output.text.split(separator: "\0").map(String.init) == paths)
  }

  @Test func noDifference() async throws {
    let outcome = try await diff([], Self.old, Self.old)
    #expect(outcome.end == .exited(0) && outcome.output.isEmpty && outcome.errors.isEmpty)
    #expect(try await diff(["--kind", "s"]).end == .exited(0))
  }

  /// A device that is in one of the maps only can be asked for.
  @Test func devices() async throws {
    let other = Self.new.replacing("sda1", with: "sda2")
    let outcome = try await diff(["--device", "/dev/sda2", "--kind", "p"], Self.old, other)
    #expect(outcome.output.text == "renamed p 520192 520192 /dev/sda1 -> /dev/sda2\n")
    let renamed = try await diff(["--only", "/new"], Self.old, other)
    #expect(renamed.output.text == "renamed f 4096 4096 /dev/sda1 /old -> /dev/sda2 /new\n")
  }

  @Test func errors() async throws {
    for (arguments, old, new, words) in [
      ([], Self.old, Self.new.replacing("size=100000", with: "size=200000"), ["disk 1 has 1048576 bytes", "2097152"]),
      ([], Self.old, Self.new.replacing("file=disk\n", with: "file=disk\n# disk 2 size=1000\n"), ["2 disks"]),
      ([], "# virt-bmap 2\n", Self.new, ["new.bmap", "the first map has no disk"]),
      ([], Self.old, "# virt-bmap 2\n", ["new.bmap", "the second map has no disk"]),
      ([], Self.old, "nonsense\n", ["new.bmap", "line 1"]),
      (["--device", "/dev/sdx"], Self.old, Self.new, ["/dev/sdx"]),
      (["--disk", "2"], Self.old, Self.new, ["no disk 2"]), (["--json", "-0"], Self.old, Self.new, ["--json"]),
    ] as [([String], String, String, [String])] {
      let outcome = try await diff(arguments, old, new)
      #expect(outcome.end == .exited(2) && outcome.output.isEmpty)
      #expect(outcome.errorLines.count == 1 && words.allSatisfy(outcome.errors.text.contains), "\(outcome.errors.text)")
    }
  }
}
