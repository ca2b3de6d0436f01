import Glibc
import SystemPackage

/// Opens a file as open(2) does.
func openFile(_ path: FilePath, _ flags: CInt) -> CInt {
  path.withPlatformString { name in withMoreFiles { Glibc.open(name, flags) } }
}

/// Calls `body`, and if it returns -1 because too many files are open, raises the limit to the hard limit and calls it
/// again. A 2 TiB disk split into 2 GiB files needs 1024 of them, which is the usual soft limit.
func withMoreFiles(_ body: () -> CInt) -> CInt {
  let result = body()
  guard result < 0, errno == EMFILE else { return result }
  var limit = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else {
    errno = EMFILE
    return result
  }
  limit.rlim_cur = limit.rlim_max
  guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
    errno = EMFILE
    return result
  }
  return body()
}
