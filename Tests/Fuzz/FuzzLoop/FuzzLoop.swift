import CLibFuzzer
import Glibc

/// How much memory one input may take, beside the fuzzer's own: every allocation beyond it fails, which ends the
/// process.
private let memoryBound: rlim_t = 64 << 20

/// How long one input may take, in nanoseconds of the processor: on a busy machine, a clock on the wall proves
/// nothing.
private let timeBound: UInt64 = 1_000_000_000

/// Gives `body` what libFuzzer makes up, until one traps, hangs, takes too much memory or gives an answer that cannot
/// be right, which `body` tells. The process's arguments are libFuzzer's.
/// - Parameter bounded: whether memory and time are bounded; AddressSanitizer needs more of both.
public func fuzz(bounded: Bool = true, _ body: @escaping (UnsafeRawBufferPointer) -> String?) -> Never {
  // A large allocation is pages that are zeros until they are used, not memory that has to be cleared in each run.
  mallopt(M_MMAP_THRESHOLD, 1 << 20)
  // What one run frees the next one uses: to give it back to the kernel takes longer than many a run.
  mallopt(M_TRIM_THRESHOLD, 16 << 20)
  state.body = body
  state.isBounded = bounded
  var count = CommandLine.argc
  var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
  exit(
    LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
      run(UnsafeRawBufferPointer(start: bytes, count: count))
      return 0
    })
}

/// libFuzzer calls a C function, which captures nothing. It has one thread.
private struct State {
  var body: (UnsafeRawBufferPointer) -> String? = { _ in nil }
  var isBounded = true
  var runs = 0
}
nonisolated(unsafe) private var state = State()

private func run(_ bytes: UnsafeRawBufferPointer) {
  // What the fuzzer itself keeps grows slowly.
  if state.isBounded, state.runs % 256 == 0 {
    let bound = writableMemory() + memoryBound
    var limit = rlimit(rlim_cur: bound, rlim_max: rlim_t.max)
    setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit)
  }
  state.runs += 1
  let start = processorTime()
  if let violation = state.body(bytes) { fatalError(violation) }
  let taken = processorTime() - start
  if state.isBounded, taken > timeBound { fatalError("took \(taken / 1_000_000) ms") }
}

/// Bytes of memory that this process can write to, see proc(5).
private func writableMemory() -> rlim_t {
  guard let status = fopen("/proc/self/statm", "r") else { return 0 }
  defer { fclose(status) }
  var line = [CChar](repeating: 0, count: 256)
  fgets(&line, CInt(line.count), status)
  let fields = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    .split(separator: " ")
  return fields.count > 5 ? (rlim_t(fields[5]) ?? 0) * rlim_t(sysconf(CInt(_SC_PAGESIZE))) : 0
}

/// What this thread has used, in nanoseconds.
private func processorTime() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
