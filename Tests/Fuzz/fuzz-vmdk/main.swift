// Opens and reads hostile VMDKs that libFuzzer generates. Tests/Fuzz/run builds and runs this.
import DiskFuzzing
import FuzzLoop
import Glibc
import SystemPackage

nonisolated(unsafe) var fuzzer: DiskFuzzer? = try DiskFuzzer(
  in: getenv("TMPDIR").map { FilePath(platformString: $0) } ?? "/dev/shm")
// Nothing is deinitialized when a process exits, so this removes the files.
atexit { fuzzer = nil }
fuzz(bounded: getenv("BMAP_UNBOUNDED") == nil) { fuzzer?.run($0) }
