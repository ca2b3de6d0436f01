// Prints how long it takes to write, read and query a map:
//
//     bench-map [RANGES...]
//     bench-map --write FILE
//
// By default the maps have a million and ten million ranges. Times to read, index and query from one thread are
// medians of five; queries take turns with a plain binary search, as a measure of the machine. Writing and queries
// from several threads are measured once. With --write, it only writes a sample map to FILE.
import BlockMap
import Glibc
import SystemPackage

let arguments = Array(CommandLine.arguments.dropFirst())
let rounds = 5

func show(_ what: String, _ cost: Cost, each count: Int) {
  func each(_ seconds: Double) -> String { "\((seconds * 1e10 / Double(max(count, 1))).rounded() / 10) ns each" }
  func rounded(_ seconds: Double) -> String { "\((seconds * 1000).rounded() / 1000) s" }
  print(
    "  \(what): \(rounded(cost.elapsed)), \(each(cost.elapsed)); "
      + "processor \(rounded(cost.processor)), \(each(cost.processor))")
}

func benchmark(ranges count: Int, in directory: FilePath) throws {
  let path = directory.appending("map")
  // In a closure, so that the builder is freed before memory is measured.
  try {
    var builder = SampleMap.builder(ranges: count)
    print("\(count) ranges of \(builder.objectCount) objects")
    show("write", try Cost.of { try builder.write(to: path) }, each: count)
  }()

  var loaded: MapIndex?
  var (reads, indexes) = ([Cost](), [Cost]())
  for _ in 0..<rounds {
    loaded = nil
    var map: BlockMap?
    reads.append(try Cost.of { map = try BlockMap(contentsOf: path) })
    guard let map else { return }
    let before = residentMemory()
    indexes.append(Cost.of { loaded = MapIndex(map) })
    if indexes.count == 1 {
      print("  the index takes \(Double((residentMemory() - before) * 10 / map.ranges.count) / 10) bytes a range")
    }
  }
  show("read", Cost.median(reads), each: count)
  show("index", Cost.median(indexes), each: count)
  let both = zip(reads, indexes).map { Cost(elapsed: $0.elapsed + $1.elapsed, processor: $0.processor + $1.processor) }
  show("read and index", Cost.median(both), each: count)
  guard let index = loaded, let size = index.map.size(ofDisk: 1) else { return }
  try ask(index, size)
}

/// Makes random requests of 4 KiB, one after the other, from one thread and from several.
func ask(_ index: MapIndex, _ size: UInt64) throws {
  let requests = 1_000_000
  let starts = index.map.ranges.map(\.range.lowerBound)
  var sum: UInt64 = 0
  var (found, plain) = ([Cost](), [Cost]())
  for round in 0..<UInt64(rounds) {
    found.append(Cost.of { sum &+= attribute(index, requests, size, seed: round) })
    plain.append(Cost.of { sum &+= searchPlainly(starts, requests, size, seed: round) })
  }
  show("a random 4 KiB request", Cost.median(found), each: requests)
  show("a plain binary search of the ranges' starts", Cost.median(plain), each: requests)
  let ratio = Cost.median(found).processor / Cost.median(plain).processor
  print("  of the plain search's time: \((ratio * 100).rounded() / 100) (sum \(sum))")
  let threads = 4
  let together = Cost.of { inThreads(threads) { seed in _ = attribute(index, requests, size, seed: seed) } }
  show("from \(threads) threads, all together", together, each: requests * threads)
}

/// Looks up what the log needs for each request: the objects, which of them are the most specific, and the offsets.
@inline(never)
func attribute(_ index: MapIndex, _ requests: Int, _ size: UInt64, seed: UInt64) -> UInt64 {
  var generator = SplitMix(state: seed)
  var scratch: [Owner] = []
  var sum: UInt64 = 0
  for _ in 0..<requests {
    let start = generator.next() % (size >> 12) << 12
    index.forEachPiece(of: start..<start + 4096, disk: 1, scratch: &scratch) { piece, owners in
      sum &+= UInt64(piece.mostSpecificCount)
      for number in owners.indices { sum &+= UInt64(owners[number].object.rawValue) &+ owners[number].offset }
    }
  }
  return sum
}

/// Finds the last range that starts at or before a byte: the least that any lookup has to do.
@inline(never)
func searchPlainly(_ starts: [UInt64], _ requests: Int, _ size: UInt64, seed: UInt64) -> UInt64 {
  var generator = SplitMix(state: seed)
  var sum: UInt64 = 0
  for _ in 0..<requests {
    let byte = generator.next() % (size >> 12) << 12
    var low = 0
    var high = starts.count
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] <= byte { low = middle + 1 } else { high = middle }
    }
    sum &+= UInt64(low)
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
    let counts = arguments.isEmpty ? [1_000_000, 10_000_000] : arguments.compactMap { Int($0) }
    for count in counts {
      try benchmark(ranges: count, in: directory)
      fflush(nil)
    }
  }
} catch {
  _ = try? FileDescriptor.standardError.writeAll("bench-map: \(error)\n".utf8)
  exit(1)
}
