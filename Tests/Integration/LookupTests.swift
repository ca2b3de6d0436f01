import Foundation
import Glibc
import Testing

/// `virt-bmap lookup` on a small map, as a user calls it.
struct LookupTests {
  private static let program = Bundle.main.bundleURL.appendingPathComponent("virt-bmap").path

  private static let setup = #"""
    printf '# virt-bmap 2\n# disk 1 size=4000000 format=raw file=d\n# disk 2 size=1000 format=raw file=e\n' > map
    printf '1 0 4000000 v /dev/sda\n1 100 4000000 p /dev/sda1\n1 1000 3000 f@500 /dev/sda1 /boot/vmlinuz\n' >> map
    printf '1 5000 6000 d /dev/sda1 /\n1 7000 8000 f /dev/sda1 /\\012\377 b\\134c\n' >> map
    printf '1 0 1000 f /dev/sda1 /old\n' > map2014

    """#

  /// The output of `virt-bmap lookup` with these arguments, then `status N`. `script` runs before it.
  private func lookup(_ arguments: String, script: String = "", format: String = "map") throws -> String {
    var name = Array("/tmp/lookup-test-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else { throw POSIXError(.EIO) }
    let directory = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let form = arguments.contains("--json") ? "" : "--format \(format) "
    let text =
      "exec 2>&1; cd '\(directory)'; \(Self.setup)\(script)'\(Self.program)' lookup \(form)\(arguments); echo status $?"
    guard let pipe = popen(text, "r") else { throw POSIXError(.EIO) }
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = fread(&buffer, 1, buffer.count, pipe)
      if count == 0 { break }
      output.append(contentsOf: buffer[..<count])
    }
    pclose(pipe)
    return String(decoding: output, as: UTF8.self)
  }

  @Test func answersInTheOrderOfTheQuestionsTheMostSpecificFirst() throws {
    #expect(
      try lookup("map --range 0xfff-0x1001 --offset 5 --sector=8 --path /dev/sda1:/boot/vmlinuz --offset 4k") == """
        1 fff 1000 p@eff /dev/sda1
        1 fff 1000 v@fff /dev/sda
        1 1000 1001 f@500 /dev/sda1 /boot/vmlinuz
        1 1000 1001 p@f00 /dev/sda1
        1 1000 1001 v@1000 /dev/sda
        1 5 6 v@5 /dev/sda
        1 1000 1200 f@500 /dev/sda1 /boot/vmlinuz
        1 1000 1200 p@f00 /dev/sda1
        1 1000 1200 v@1000 /dev/sda
        1 1000 3000 f@500 /dev/sda1 /boot/vmlinuz
        1 1000 1001 f@500 /dev/sda1 /boot/vmlinuz
        1 1000 1001 p@f00 /dev/sda1
        1 1000 1001 v@1000 /dev/sda
        status 0

        """)
  }

  @Test func readsQuestionsFromStandardInput() throws {
    #expect(
      try lookup("map", script: "printf '5\\n0s\\n\\n1-3\\n/dev/sda1:/boot/vmlinuz\\n0x10' | ") == """
        1 5 6 v@5 /dev/sda
        1 0 100 v /dev/sda
        1 100 200 p /dev/sda1
        1 100 200 v@100 /dev/sda
        1 1 3 v@1 /dev/sda
        1 1000 3000 f@500 /dev/sda1 /boot/vmlinuz
        1 10 11 v@10 /dev/sda
        status 0

        """)
  }

  @Test func findsObjectsByAnyName() throws {
    #expect(
      try lookup("map --path /dev/sda1:/ --path /dev/sda") == """
        1 5000 6000 d /dev/sda1 /
        1 0 4000000 v /dev/sda
        status 0

        """)
    let odd = "1 7000 8000 f /dev/sda1 /\\012\\377 b\\134c\nstatus 0\n"
    #expect(try lookup("map --path \"$(printf '/dev/sda1:/\\n\\377 b\\\\c')\"") == odd)
    #expect(try lookup("map --path '/dev/sda1:/\\012\\377 b\\134c'") == odd)
  }

  @Test func answersInWords() throws {
    #expect(
      try lookup("map --range 0xfff-0x1001 --sector 8 --path /boot/vmlinuz --path /dev/sda1:/", format: "text") == """
        bytes 0xfff-0x1001, bytes 4095-4096:
            partition /dev/sda1, byte 3839 of 67108608
            disk /dev/sda, byte 4095 of 67108864
        bytes 0xfff-0x1001, bytes 4096-4097:
            file /dev/sda1 /boot/vmlinuz, byte 1280 of 9472
            partition /dev/sda1, byte 3840 of 67108608
            disk /dev/sda, byte 4096 of 67108864
        sector 8:
            file /dev/sda1 /boot/vmlinuz, bytes 1280-1792 of 9472 (5.40 %)
            partition /dev/sda1, bytes 3840-4352 of 67108608 (0.00 %)
            disk /dev/sda, bytes 4096-4608 of 67108864 (0.00 %)
        /boot/vmlinuz:
            file /dev/sda1 /boot/vmlinuz, bytes 1280-9472 of 9472 (86.48 %), disk 1 bytes 4096-12288
        /dev/sda1:/:
            directory /dev/sda1 /, bytes 0-4096 of 4096 (100.00 %), disk 1 bytes 20480-24576
        status 0

        """)
    #expect(
      try lookup("map2014 --offset 1", format: "text") == "byte 1:\n    file /dev/sda1 /old\nstatus 0\n")
  }

  @Test func aPathIsFoundOnEveryDevice() throws {
    let script = "echo '1 9000 a000 f /dev/sdb1 /boot/vmlinuz' >> map\n"
    #expect(
      try lookup("map --path /boot/vmlinuz", script: script) == """
        1 1000 3000 f@500 /dev/sda1 /boot/vmlinuz
        1 9000 a000 f /dev/sdb1 /boot/vmlinuz
        status 0

        """)
    #expect(
      try lookup("map --path /boot/vmlinuz --device /dev/sdb1", script: script)
        == "1 9000 a000 f /dev/sdb1 /boot/vmlinuz\nstatus 0\n")
  }

  @Test func onlySomeObjectsAreShown() throws {
    #expect(try lookup("map --offset 4k --kind f,d") == "1 1000 1001 f@500 /dev/sda1 /boot/vmlinuz\nstatus 0\n")
    #expect(try lookup("map --offset 4k --only '/boot/*'") == "1 1000 1001 f@500 /dev/sda1 /boot/vmlinuz\nstatus 0\n")
    #expect(try lookup("map --offset 4k --kind x").hasSuffix("status 2\n"))
    #expect(try lookup("map --offset 4k --device /dev/sdz").hasSuffix("status 2\n"))
  }

  @Test func writesOneJSONObjectAQuestion() throws {
    #expect(
      try lookup("map --json --path '/dev/sda1:/\\012\\377 b\\134c' --offset 64M") == #"""
        {"name":"/dev/sda1:/\\134012\\134377 b\\134134c",\#
        "objects":[{"device":"/dev/sda1","disk":1,"end":32768,\#
        "kind":"f","offset":0,"path":"/\\012\\377 b\\134c","start":28672}]}
        {"disk":1,"end":67108865,"objects":[],"start":67108864}
        virt-bmap: nothing found for byte 64M: the disk has 67108864 bytes
        status 1

        """#)
    #expect(try lookup("map2014 --json --offset 1").contains("\"offset\"") == false)
  }

  /// A map from a later version may contain unknown kinds.
  @Test func kindsThatAreNotKnownAreShown() throws {
    let script = #"""
      printf '# virt-bmap 2\n# disk 1 size=10000 format=raw file=d\n1 0 10000 v /dev/sda\n' > later
      printf '1 1000 2000 w /dev/sda1\n1 2000 3000 x@10 /dev/sda1 /x\n1 2000 3000 Q /dev/sda1 part 7\n' >> later

      """#
    #expect(
      try lookup("later --range 0-9000s --path /dev/sda1 --path /dev/sda1:/x", script: script) == """
        1 0 1000 v /dev/sda
        1 1000 2000 w /dev/sda1
        1 1000 2000 v@1000 /dev/sda
        1 2000 3000 Q /dev/sda1 part 7
        1 2000 3000 x@10 /dev/sda1 /x
        1 2000 3000 v@2000 /dev/sda
        1 3000 10000 v@3000 /dev/sda
        1 1000 2000 w /dev/sda1
        1 2000 3000 x@10 /dev/sda1 /x
        status 0

        """)
    #expect(
      try lookup("later --json --offset 4k", script: script) == #"""
        {"disk":1,"end":4097,"objects":[{"device":"/dev/sda1","disk":1,"end":4097,"kind":"w","offset":0,"start":4096},\#
        {"device":"/dev/sda","disk":1,"end":4097,"kind":"v","offset":4096,"start":4096}],"start":4096}
        status 0

        """#)
  }

  /// 1,500 nested files: the answer has 2,250,000 lines, one for each file in each piece, but lookup needs no more
  /// memory than the map does.
  @Test func anAnswerIsNotCollected() throws {
    let script = #"""
      awk 'BEGIN { n = 1500; size = n * 8192; printf "# virt-bmap 2\n# disk 1 size=%x format=raw file=d\n", size
        for (i = 0; i < n; i++) printf "1 %x %x f /dev/sda1 /f%d\n", i * 4096, size - i * 4096, i }' > nested
      ulimit -v 200000

      """#
    #expect(try lookup("nested --range 0-12288000 | wc -l", script: script) == "2250000\nstatus 0\n")
    #expect(
      try lookup("nested --json --range 0-12288000 | tr '}' '\\n' | grep -c '\"kind\":\"f\"'", script: script)
        == "2250000\nstatus 0\n")
  }

  @Test func saysThatNothingIsThere() throws {
    let nothing = "virt-bmap: nothing found for"
    #expect(
      try lookup("map --offset 64M --offset 5")
        == "\(nothing) byte 64M: the disk has 67108864 bytes\n1 5 6 v@5 /dev/sda\nstatus 1\n")
    #expect(try lookup("map --disk 2 --offset 5") == "\(nothing) byte 5\nstatus 1\n")
    #expect(try lookup("map --path /dev/sda1:/no") == "\(nothing) /dev/sda1:/no\nstatus 1\n")
    #expect(try lookup("map2014 --disk 9 --offset 5") == "\(nothing) byte 5\nstatus 1\n")
    #expect(try lookup("map2014 --offset 5") == "1 5 6 f /dev/sda1 /old\nstatus 0\n")
  }

  @Test func anErrorIsAnotherStatus() throws {
    for (arguments, message) in [
      ("", "<map>"), ("nomap --offset 1", "nomap: No such file or directory"),
      ("/etc/passwd --offset 1", "/etc/passwd: line 1: not a block map"),
      ("map --offset 1-2", "1-2: not an offset"), ("map --offset -- -1", "Missing value"),
      ("map --offset 5x", "not an offset"),
      ("map --offset 18446744073709551615", "not an offset below 2^64 - 1 bytes"),
      ("map --offset 17179869184G", "not an offset"),
      ("map --sector 36028797018963968", "not the number of a sector"), ("map --range 5-5", "with A below B"),
      ("map --range 5", "with A below B"), ("map --disk 3 --offset 1", "a map of 2 disks, there is no disk 3"),
      ("map --disk 0 --offset 1", "there is no disk 0"), ("map --bogus", "--bogus"),
      ("map --offset 1 > /dev/full", "standard output: No space left on device"),
      ("map < /etc/passwd", "standard input: line 1: not a number"),
    ] {
      let output = try lookup(arguments)
      #expect(output.hasSuffix("status 2\n"), "\(arguments)")
      #expect(output.contains(message), "\(arguments)")
      #expect(output.split(separator: "\n").count == 2, "\(arguments)")
    }
  }
}
