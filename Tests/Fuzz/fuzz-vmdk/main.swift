// Opens and reads what libFuzzer makes of hostile VMDKs. Tests/Fuzz/run builds and runs it.
import DiskFuzzing
import FuzzLoop
import Glibc
import SystemPackage

nonisolated(unsafe) var fuzzer: DiskFuzzer? = try DiskFuzzer(
  in: getenv("TMPDIR").map { FilePath(platformString: $0) } ?? "/dev/shm")
// Nothing is destroyed when a process exits.
atexit { fuzzer = nil }
fuzz(bounded: getenv("BMAP_UNBOUNDED") == nil) { fuzzer?.run($0) }
