import Glibc
import SystemPackage

/// Opens a file as open(2) does.
func openFile(_ path: FilePath, _ flags: CInt) -> CInt {
  path.withPlatformString { name in withMoreFiles { Glibc.open(name, flags) } }
}

/// Tries again with as many open files as the system allows this process, where `body` returned -1 because there were
/// too many: a disk of 2 TiB in pieces of 2 GiB has as many files as most limits that users start with.
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
