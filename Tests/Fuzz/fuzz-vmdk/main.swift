// Opens and reads what libFuzzer makes of hostile VMDKs, until one traps, hangs, takes too much memory or gives an answer
// that cannot be right. Arguments are libFuzzer's. Tests/Fuzz/run builds and runs it.
import CLibFuzzer
import DiskFuzzing
import Glibc
import SystemPackage

/// How much memory one disk may take, beside the fuzzer's own: every allocation beyond it fails, which ends the process.
let memoryBound: rlim_t = 64 << 20

/// How long one disk may take, in nanoseconds of the processor: on a busy machine, a clock on the wall proves nothing.
let timeBound: UInt64 = 1_000_000_000

/// Bytes of memory that this process can write to, see proc(5).
func writableMemory() -> rlim_t {
  guard let status = fopen("/proc/self/statm", "r") else { return 0 }
  defer { fclose(status) }
  var line = [CChar](repeating: 0, count: 256)
  fgets(&line, CInt(line.count), status)
  let fields = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    .split(separator: " ")
  return fields.count > 5 ? (rlim_t(fields[5]) ?? 0) * rlim_t(sysconf(CInt(_SC_PAGESIZE))) : 0
}

/// What this thread has used, in nanoseconds.
func processorTime() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

// A large allocation is pages that are zeros until they are used, not memory that has to be cleared in each run.
mallopt(M_MMAP_THRESHOLD, 1 << 20)
nonisolated(unsafe) var fuzzer: DiskFuzzer? = try DiskFuzzer(
  in: getenv("TMPDIR").map { FilePath(platformString: $0) } ?? "/dev/shm")
nonisolated(unsafe) var runs = 0
// Nothing is destroyed when a process exits.
atexit { fuzzer = nil }

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
  LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
    // What the fuzzer itself keeps grows slowly.
    if runs % 256 == 0 {
      let bound = writableMemory() + memoryBound
      var limit = rlimit(rlim_cur: bound, rlim_max: rlim_t.max)
      setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit)
    }
    runs += 1
    let start = processorTime()
    if let violation = fuzzer?.run(UnsafeRawBufferPointer(start: bytes, count: count)) { fatalError(violation) }
    let taken = processorTime() - start
    if taken > timeBound { fatalError("took \(taken / 1_000_000) ms") }
    return 0
  })
