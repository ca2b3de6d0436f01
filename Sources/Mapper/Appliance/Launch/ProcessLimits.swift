import Glibc

/// The resource limits of this process, see ulimit in bash(1): the minimum needed to start anything, and limits
/// that may be the cause of a failure.
public enum ProcessLimits {
  /// The minimum and the usual number of open files, for this program and for each program that it starts.
  private static let minimumFiles: rlim_t = 64
  private static let usualFiles: rlim_t = 1024
  /// The minimum number of additional threads for this program alone; the programs that it starts need more.
  private static let minimumThreads = 8
  /// The minimum free space for the appliance's temporary files, in bytes.
  private static let minimumSpace: UInt64 = 32 << 20

  /// Checks the limits. Call this before starting anything.
  /// - Throws: `MapperError` if there are too few files or threads. Otherwise the first operation that needs one
  ///   more would wait forever, or fail halfway.
  public static func check() throws {
    // Make a write beyond the file size limit fail instead of killing the program.
    signal(SIGXFSZ, SIG_IGN)
    var files = limit(RLIMIT_NOFILE)
    if files.rlim_cur < usualFiles {
      files.rlim_cur = min(usualFiles, files.rlim_max)
      _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
      files = limit(RLIMIT_NOFILE)
    }
    guard files.rlim_cur >= minimumFiles else {
      throw MapperError.missing(
        "only \(files.rlim_cur) files may be open at a time (ulimit -n); \(minimumFiles) are needed at least")
    }
    try checkThreads()
  }

  /// Throws if fewer than `minimumThreads` more threads can be started.
  private static func checkThreads() throws {
    var threads: [pthread_t] = []
    // All threads must exist at the same time, so each waits for the end of a pipe.
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw MapperError.missing("no pipe: \(String(cString: strerror(errno)))") }
    let waiting = ends[0]
    defer {
      close(ends[1])
      for thread in threads { pthread_join(thread, nil) }
      close(waiting)
    }
    for _ in 0..<minimumThreads {
      var thread = pthread_t()
      let result = pthread_create(
        &thread, nil,
        { argument in
          var byte: UInt8 = 0
          _ = read(Int32(Int(bitPattern: argument)), &byte, 1)
          return nil
        }, UnsafeMutableRawPointer(bitPattern: Int(waiting)))
      guard result == 0 else { throw MapperError.noThread(result) }
      threads.append(thread)
    }
  }

  /// Returns descriptions of limits that are unusually low.
  package static func hints() -> [String] {
    var hints: [String] = []
    let memory = limit(RLIMIT_AS)
    if memory.rlim_cur != rlim_t.max { hints.append("memory is limited to \(memory.rlim_cur >> 10) KiB (ulimit -v)") }
    let size = limit(RLIMIT_FSIZE)
    if size.rlim_cur != rlim_t.max { hints.append("files are limited to \(size.rlim_cur >> 10) KiB (ulimit -f)") }
    let files = limit(RLIMIT_NOFILE)
    if files.rlim_cur < usualFiles { hints.append("only \(files.rlim_cur) files may be open (ulimit -n)") }
    return hints
  }

  /// Returns a description if the filesystem of a directory is almost full, otherwise nil.
  package static func hint(ofFull directory: String) -> String? {
    var status = statvfs()
    guard statvfs(directory, &status) == 0 else { return nil }
    let free = UInt64(status.f_bavail).multipliedFullWidth(by: UInt64(status.f_frsize)).low
    return free < minimumSpace ? "\(directory) has only \(free >> 10) KiB left" : nil
  }

  private static func limit(_ resource: __rlimit_resource) -> rlimit {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(resource.rawValue), &limit)
    return limit
  }
}
