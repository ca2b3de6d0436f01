import Glibc

/// What a piece of work took, by the clock and of the processor, which differ on a busy machine. In seconds.
struct Cost {
  var elapsed: Double
  var processor: Double

  /// Of `body`.
  static func of(_ body: () throws -> Void) rethrows -> Cost {
    let processor = processorSeconds()
    let elapsed = try ContinuousClock().measure(body) / .seconds(1)
    return Cost(elapsed: elapsed, processor: processorSeconds() - processor)
  }

  /// Of the processor's time, which other programs lengthen less.
  static func median(_ costs: [Cost]) -> Cost {
    func middle(_ value: (Cost) -> Double) -> Double { costs.map(value).sorted()[costs.count / 2] }
    return Cost(elapsed: middle(\.elapsed), processor: middle(\.processor))
  }

  private static func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

/// What of the process is in memory: now, or at most so far. In bytes.
func residentMemory() -> Int {
  var fields = [UInt8](repeating: 0, count: 256)
  let file = open("/proc/self/statm", O_RDONLY)
  defer { close(file) }
  let count = read(file, &fields, fields.count)
  guard count > 0 else { return 0 }
  let words = String(decoding: fields[..<count], as: UTF8.self).split(separator: " ")
  return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * Int(getpagesize())
}
