import BlockMap
import LogReading
import Testing

struct TextLogTests {
  @Test func ranges() throws {
    let log = try ReadLog(
      """
      read f /dev/sda1 /boot/vmlinuz
       1000-2000 2000-3000
       3000-3200 stale 2:0-200
      write d /dev/sda1 /with space
       0-1000
      read -
       8000-9000
      flush -

      """)
    #expect(
      log.requests == [
        "nil read 1 1 4096..<8192 nil | 4096..<8192 f /dev/sda1 /boot/vmlinuz",
        "nil read 1 1 8192..<12288 nil | 8192..<12288 f /dev/sda1 /boot/vmlinuz",
        "nil read 1 1 12288..<12800 nil | 12288..<12800 f /dev/sda1 /boot/vmlinuz stale",
        "nil read 2 1 0..<512 nil | 0..<512 f /dev/sda1 /boot/vmlinuz",
        "nil write 1 1 0..<4096 nil | 0..<4096 d /dev/sda1 /with space",
        "nil read 1 1 32768..<36864 nil | 32768..<36864", "nil flush 1 1 0..<0 nil",
      ])
    #expect(log.hasTimes == false)
  }

  /// Object lines that stand together share the ranges, and remarks between them change nothing.
  @Test func severalNames() throws {
    let log = try ReadLog(
      """
      # 5 requests were not logged: No space left on device
      read f /dev/sda1 /a
      read f /dev/sda1 /b
      # and 3 more
       0-200 +10 200-400 +210,1000
      # read 0-200 failed: Input/output error
       400-600
      read f /dev/sda1 /c
       600-800

      """)
    #expect(log.lost == 5)
    #expect(
      log.requests.map { $0.split(separator: "| ")[1] } == [
        "0..<512 f /dev/sda1 /a+16 f /dev/sda1 /b+16", "512..<1024 f /dev/sda1 /a+528 f /dev/sda1 /b+4096",
        "1024..<1536 f /dev/sda1 /a f /dev/sda1 /b", "1536..<2048 f /dev/sda1 /c",
      ])
  }

  @Test(
    arguments: [
      ("erase f /dev/sda1 /a", "not a line of the text log"), ("read ff /dev/sda1 /a", "not an object line"),
      ("read f /dev/sda1 /\\9", "not escaped"), (" 5", "not a range"), (" 5-4", "ends before it begins"),
      (" 0-10000000000000000", "hexadecimal"), (" x-y", "hexadecimal"), (" 999:0-1", "a disk's number"),
      (" 0-1 +", "hexadecimal"), (" 0-1 +,", "hexadecimal"), ("\u{1b}[31m", "not a line of the text log"),
    ])
  func errors(_ line: String, _ message: String) throws {
    let error = try #require(throws: LogError.self) { _ = try ReadLog("read f /dev/sda1 /a\n 0-200\n\(line)\n") }
    #expect(error.line == 3 && error.description.contains(message), "\(error)")
  }

  /// The logger lists at most 64 objects, and more would make each range as expensive as the log likes.
  @Test func endlessObjects() throws {
    let lines = (0..<64).map { "read f /dev/sda1 /\($0)\n" }.joined()
    #expect(try ReadLog(lines + " 0-200\n").requests.count == 1)
    let error = try #require(throws: LogError.self) { _ = try ReadLog(lines + "read f /dev/sda1 /x\n 0-200\n") }
    #expect(error.description == "line 65: more than 64 object lines stand together")
  }

  @Test func aCutLine() throws {
    #expect(try ReadLog("read f /dev/sda1 /a\n 0-2").cutLine == 2)
  }

  /// Whatever the bytes are, nothing traps.
  @Test func mutations() throws {
    let text = Array("read f /dev/sda1 /a\\040\n 1000-2000 +1,2 stale 2:0-200\nflush -\nread -\n 0-1\n".utf8)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      var bytes = text
      for _ in 0..<3 {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[index] = [0, 0x20, 0x0a, 0x2d, 0x2b, 0x2c, 0x3a, 0x5c, 0xff, 0x39].randomElement(using: &generator) ?? 0
      }
      _ = try? ReadLog(bytes)
    }
  }
}
