import Glibc
import Synchronization
import SystemPackage

/// Writes a JSON log at a rate, as the logger would.
enum LogGenerator {
  static let names = (0..<5000).map { "/usr/lib/x86_64-linux-gnu/lib\($0).so.6" } + hostile
  /// As the log escapes them.
  static let hostile = ["/home/\\\\033[31mred\\\\007", "/\u{202e}gpj.exe", "/中文字符", "/e\u{301}\u{301}"]

  /// A line. Every tenth request is a write.
  static func line(_ number: Int, time: Double) -> String {
    let name = number % 7 == 0 ? hostile[number / 7 % hostile.count] : names[number % names.count]
    let offset = number % names.count << 16
    return """
      {"time":\(time),"op":"\(number % 10 == 9 ? "write" : "read")","disk":1,"connection":1,"offset":\(offset),\
      "length":4096,"result":"ok","latency":35.2,"pieces":[{"offset":\(offset),"length":4096,"objects":[\
      {"kind":"f","device":"/dev/sda1","path":"\(name)","offset":0},\
      {"kind":"p","device":"/dev/sda1","offset":\(offset)},{"kind":"v","device":"/dev/sda","offset":\(offset)}]}]}

      """
  }

  /// How many requests there are in all, and in a second.
  static let count = 200_000
  static let rate = 50_000
  /// How many are written at once.
  private static let step = 250

  /// The whole log in steps of 5 ms. It is made before it is needed, because this program is slower than the logger.
  static let steps = Shared {
    stride(from: 0, to: count, by: step).map { start in
      var text: [UInt8] = []
      for number in start..<start + step { text += line(number, time: 100 + Double(number) / Double(rate)).utf8 }
      return text
    }
  }

  /// Lets a test look at what reads the log, however slow the machine is.
  final class Pauses: Sendable {
    /// Whether the second half may be written.
    let goesOn = Atomic(false)
    /// Whether the log may end.
    let ends = Atomic(false)

    func release() {
      goesOn.store(true, ordering: .releasing)
      ends.store(true, ordering: .releasing)
    }
  }

  /// Writes the log to a FIFO at its rate, on the calling thread.
  static func write(_ steps: [[UInt8]], to fifo: FilePath, _ pauses: Pauses) throws {
    let file = try FileDescriptor.open(fifo, .writeOnly)
    defer { try? file.close() }
    var start = ContinuousClock.now
    for (number, text) in steps.enumerated() {
      if number == steps.count / 2 {
        let now = ContinuousClock.now
        while !pauses.goesOn.load(ordering: .acquiring) { usleep(1000) }
        start += ContinuousClock.now - now
      }
      while ContinuousClock.now - start < .milliseconds(number * 1000 * step / rate) { usleep(500) }
      _ = try file.writeAll(text)
    }
    while !pauses.ends.load(ordering: .acquiring) { usleep(1000) }
  }
}
