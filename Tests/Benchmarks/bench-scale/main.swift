// Prints the time and memory that virt-bmap needs for disks with more and more files, and the cost of each additional
// file:
//
//     bench-scale VIRT-BMAP DISK DISK...
//
// Each disk is mapped once. The memory is virt-bmap's own peak, without the appliance's memory, which does not grow.
import Benchmarking
import Glibc
import Subprocess
import SystemPackage

struct Cost {
  var files: Int
  /// Seconds for the walk, and in all.
  var walk: Double
  var all: Double
  /// Bytes.
  var memory: Double
}

/// The peak memory of a process so far, in bytes; nil if it has exited.
func peakMemory(of process: pid_t) -> Double? {
  guard let file = try? FileDescriptor.open(FilePath("/proc/\(process)/status"), .readOnly) else { return nil }
  defer { try? file.close() }
  var bytes = [UInt8](repeating: 0, count: 8192)
  guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
  let text = String(decoding: bytes[..<count], as: UTF8.self)
  guard let match = text.firstMatch(of: /VmHWM:\s*([0-9]+) kB/), let value = Double(match.1) else { return nil }
  return value * 1024
}

func cost(of disk: String, mapper: String) async throws -> Cost {
  let start = ContinuousClock.now
  let result = try await run(
    .path(FilePath(mapper)), arguments: Arguments(["-v", "-o", "/dev/null", disk]), input: .none,
    output: .string(limit: 64 << 20), error: .combinedWithOutput
  ) { execution in
    var most = 0.0
    while let memory = peakMemory(of: execution.processIdentifier.value) {
      most = max(most, memory)
      try await Task.sleep(for: .milliseconds(20))
    }
    return most
  }
  let seconds = (ContinuousClock.now - start) / .seconds(1)
  let (text, memory) = (result.standardOutput, result.closureResult)
  guard result.terminationStatus.isSuccess,
    let walk = text.firstMatch(of: /walked in ([0-9.]+) s/).flatMap({ Double($0.1) }),
    let files = text.firstMatch(of: /directories, ([0-9]+) files/).flatMap({ Int($0.1) })
  else { throw BenchmarkFailure("\(mapper) \(disk): \(result.terminationStatus): \(text.suffix(500))") }
  return Cost(files: files, walk: walk, all: seconds, memory: memory)
}

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 3 else {
  print("usage: bench-scale VIRT-BMAP DISK DISK...")
  exit(1)
}
do {
  var last: Cost?
  for disk in arguments.dropFirst() {
    let cost = try await cost(of: disk, mapper: arguments[0])
    var line =
      "\(cost.files) files: walk \(shown(cost.walk)) s, \(shown(cost.all)) s in all, "
      + "\(shown(cost.memory / 1_048_576, 1)) MiB"
    if let last, cost.files > last.files {
      let files = Double(cost.files - last.files)
      line += "; each further file \(shown((cost.walk - last.walk) / files * 1000, 3)) ms, "
      line += "\(shown((cost.memory - last.memory) / files, 0)) bytes"
    }
    print(line)
    fflush(nil)
    last = cost
  }
} catch {
  print("bench-scale: \(error)")
  exit(1)
}
