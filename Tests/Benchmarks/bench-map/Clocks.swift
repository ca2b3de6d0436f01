import Glibc

/// The cost of some work in seconds: elapsed time and processor time, which differ on a busy machine.
struct Cost {
  var elapsed: Double
  var processor: Double

  /// The cost of running `body`.
  static func of(_ body: () throws -> Void) rethrows -> Cost {
    let processor = processorSeconds()
    let elapsed = try ContinuousClock().measure(body) / .seconds(1)
    return Cost(elapsed: elapsed, processor: processorSeconds() - processor)
  }

  /// The median of the elapsed times and, independently, the median of the processor times.
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

/// The resident memory of this process right now, in bytes.
func residentMemory() -> Int {
  var fields = [UInt8](repeating: 0, count: 256)
  let file = open("/proc/self/statm", O_RDONLY)
  defer { close(file) }
  let count = read(file, &fields, fields.count)
  guard count > 0 else { return 0 }
  let words = String(decoding: fields[..<count], as: UTF8.self).split(separator: " ")
  return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * Int(getpagesize())
}
