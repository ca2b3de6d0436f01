// Prints how many requests of a trace virt-bmap annotate names in a second:
//
//     bench-annotate VIRT-BMAP BENCH-MAP DIRECTORY
//
// The map is that of bench-map --write. The requests are random, so that each has another name. Rates are medians of
// five runs, by elapsed time and by processor time, which differ on a busy machine. What it takes to read the map is
// included.
import Benchmarking
import Glibc
import Subprocess
import SystemPackage

let rounds = 5

/// The processor time of the children that have ended, in seconds.
func processorSeconds() -> Double {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage)
  func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
  return seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

func measure(_ mapper: String, _ map: String, _ trace: SampleTrace, in directory: String) async throws {
  let path = "\(directory)/trace"
  let lines = try trace.write(to: path)
  for form in ["text", "json"] {
    var elapsed: [Double] = []
    var processor: [Double] = []
    for _ in 0..<rounds {
      let before = processorSeconds()
      let arguments = ["annotate", map, path, "--log-format", form, "-o", "/dev/null"]
      elapsed.append(try await timed(.path(FilePath(mapper)), arguments).seconds)
      processor.append(processorSeconds() - before)
    }
    func rate(_ count: Int, _ seconds: [Double]) -> String { shown(Double(count) / median(seconds) / 1e6) }
    print(
      "\(trace.name) to \(form): \(rate(trace.requests, elapsed)) million requests a second, "
        + "\(rate(trace.requests, processor)) by processor time "
        + "(\(rate(lines, elapsed)) and \(rate(lines, processor)) million lines)")
    fflush(nil)
  }
  unlink(path)
}

let arguments = CommandLine.arguments
guard arguments.count == 4 else {
  _ = try? FileDescriptor.standardError.writeAll("usage: bench-annotate VIRT-BMAP BENCH-MAP DIRECTORY\n".utf8)
  exit(1)
}
do {
  let (mapper, maker, directory) = (arguments[1], arguments[2], arguments[3])
  if mkdir(directory, 0o777) != 0, errno != EEXIST { throw Errno(rawValue: errno) }
  let map = "\(directory)/annotate.bmap"
  _ = try await timed(.path(FilePath(maker)), ["--write", map])
  for trace in SampleTrace.all { try await measure(mapper, map, trace, in: directory) }
} catch {
  _ = try? FileDescriptor.standardError.writeAll("bench-annotate: \(error)\n".utf8)
  exit(1)
}
