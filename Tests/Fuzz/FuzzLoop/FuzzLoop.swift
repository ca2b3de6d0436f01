import CLibFuzzer
import Glibc

/// How much memory one input may use on top of the fuzzer's own, in bytes. Allocations beyond it fail, which ends the
/// process.
private let memoryBound: rlim_t = 64 << 20

/// How much processor time one input may take, in nanoseconds. On a busy machine, elapsed time proves nothing.
private let timeBound: UInt64 = 1_000_000_000

/// Calls `body` with inputs from libFuzzer until one traps, hangs, uses too much memory or gives a wrong answer. For a
/// wrong answer, `body` returns a description, otherwise nil. The arguments of the process are passed to libFuzzer.
/// - Parameter bounded: whether memory and time are limited; AddressSanitizer needs more of both.
public func fuzz(bounded: Bool = true, _ body: @escaping (UnsafeRawBufferPointer) -> String?) -> Never {
  // Large allocations are mapped: zero pages cost nothing until they are used, so nothing has to be cleared in each
  // run.
  mallopt(M_MMAP_THRESHOLD, 1 << 20)
  // The next run reuses what one run frees: returning it to the kernel takes longer than many runs.
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

/// Global state, since libFuzzer calls a C function, which captures nothing. It has one thread.
private struct State {
  var body: (UnsafeRawBufferPointer) -> String? = { _ in nil }
  var isBounded = true
  var runs = 0
}
nonisolated(unsafe) private var state = State()

private func run(_ bytes: UnsafeRawBufferPointer) {
  // The fuzzer's own memory grows slowly, so the limit is updated from time to time.
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

/// The memory that this process can write to, in bytes (see proc(5)).
private func writableMemory() -> rlim_t {
  guard let status = fopen("/proc/self/statm", "r") else { return 0 }
  defer { fclose(status) }
  var line = [CChar](repeating: 0, count: 256)
  fgets(&line, CInt(line.count), status)
  let fields = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    .split(separator: " ")
  return fields.count > 5 ? (rlim_t(fields[5]) ?? 0) * rlim_t(sysconf(CInt(_SC_PAGESIZE))) : 0
}

/// The processor time that this thread has used, in nanoseconds.
private func processorTime() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
