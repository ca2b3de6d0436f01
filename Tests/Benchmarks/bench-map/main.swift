// Prints how long writing, reading and asking a map takes: bench-map [RANGES]. With --write FILE it only writes
// the sample map to FILE.
import BlockMap
import Glibc
import SystemPackage

let arguments = Array(CommandLine.arguments.dropFirst())

/// Prints the time that `body` took, by the clock and of the processor, which differ on a busy machine.
func measured(_ what: String, count: Int, _ body: () throws -> Void) rethrows {
  let processor = processorSeconds()
  let elapsed = try ContinuousClock().measure(body) / .seconds(1)
  let spent = processorSeconds() - processor
  func each(_ seconds: Double) -> String { "\(Int(seconds * 1e9 / Double(max(count, 1)))) ns each" }
  func rounded(_ seconds: Double) -> String { "\((seconds * 1000).rounded() / 1000) s" }
  print("\(what): \(rounded(elapsed)), \(each(elapsed)); processor \(rounded(spent)), \(each(spent))")
}

func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// The peak of the process's memory in MiB.
func peakMemory() -> Int {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss / 1024
}

func benchmark(ranges count: Int, in directory: FilePath) throws {
  let path = directory.appending("map")
  var builder = SampleMap.builder(ranges: count)
  print("\(count) ranges of \(builder.objectCount) objects; memory \(peakMemory()) MiB")
  try measured("write", count: count) { try builder.write(to: path) }
  builder = BlockMapBuilder()

  var loaded: BlockMap?
  for _ in 0..<3 {
    loaded = nil
    try measured("read", count: count) { loaded = try BlockMap(contentsOf: path) }
  }
  guard let map = loaded, let size = map.size(ofDisk: 1) else { return }
  var built: MapIndex?
  measured("index", count: count) { built = MapIndex(map) }
  guard let index = built else { return }
  print("memory \(peakMemory()) MiB")

  let queries = 2_000_000
  let threads = 4
  var owners = 0
  for _ in 0..<2 {
    measured("a random 4 KiB request", count: queries) {
      owners += ask(index, queries, size, seed: 1)
    }
  }
  // The least that anybody would do, as a measure of the machine: to find the last range that begins before a byte.
  let starts = map.ranges.map(\.range.lowerBound)
  var found = 0
  for _ in 0..<2 {
    measured("a plain binary search of the ranges' starts", count: queries) {
      found += searchPlainly(starts, queries, size, seed: 1)
    }
  }
  print("(sum \(found))")
  let shared = index
  measured("the same from \(threads) threads, all together", count: queries * threads) {
    inThreads(threads) { seed in _ = ask(shared, queries, size, seed: seed) }
  }
  print("\(Double(owners) / Double(2 * queries)) owners a request")
}

func ask(_ index: MapIndex, _ queries: Int, _ size: UInt64, seed: UInt64) -> Int {
  var generator = SplitMix(state: seed)
  var scratch = QueryScratch()
  var owners = 0
  for _ in 0..<queries {
    let start = generator.next() % (size >> 12) << 12
    index.forEachPiece(of: start..<start + 4096, disk: 1, scratch: &scratch) { piece, _ in
      owners &+= piece.ownerCount
    }
  }
  return owners
}

func searchPlainly(_ starts: [UInt64], _ queries: Int, _ size: UInt64, seed: UInt64) -> Int {
  var generator = SplitMix(state: seed)
  var sum = 0
  for _ in 0..<queries {
    let byte = generator.next() % (size >> 12) << 12
    var low = 0
    var high = starts.count
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] <= byte { low = middle + 1 } else { high = middle }
    }
    sum &+= low
  }
  return sum
}

/// Runs `body` in `count` threads at once.
func inThreads(_ count: Int, _ body: @escaping @Sendable (UInt64) -> Void) {
  final class Start: Sendable {
    let body: @Sendable (UInt64) -> Void
    let seed: UInt64
    init(_ body: @escaping @Sendable (UInt64) -> Void, _ seed: UInt64) { (self.body, self.seed) = (body, seed) }
  }
  var threads: [pthread_t] = []
  for seed in 0..<UInt64(count) {
    var thread = pthread_t()
    let start = Unmanaged.passRetained(Start(body, seed)).toOpaque()
    let status = pthread_create(
      &thread, nil,
      { start in
        guard let start else { return nil }
        let value = Unmanaged<Start>.fromOpaque(start).takeRetainedValue()
        value.body(value.seed)
        return nil
      }, start)
    if status == 0 { threads.append(thread) }
  }
  for thread in threads { pthread_join(thread, nil) }
}

do {
  if arguments.first == "--write", arguments.count == 2 {
    var builder = SampleMap.builder(ranges: 60_000)
    print("writing")
    fflush(nil)
    try builder.write(to: FilePath(arguments[1]))
  } else {
    var name = Array("/tmp/bench-map-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else { throw Errno(rawValue: errno) }
    let directory = FilePath(String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    defer {
      for gone in [directory.appending("map"), directory] { _ = gone.withPlatformString { remove($0) } }
    }
    try benchmark(ranges: arguments.first.flatMap { Int($0) } ?? 1_000_000, in: directory)
  }
} catch {
  _ = try? FileDescriptor.standardError.writeAll("bench-map: \(error)\n".utf8)
  exit(1)
}
