import Glibc

/// Ends the program with a signal after the cleanup, so that a shell knows.
enum EndBySignal {
  static func end(_ number: Int32) {
    signal(number, SIG_DFL)
    // The threads that run tasks have all signals blocked.
    var only = sigset_t()
    sigemptyset(&only)
    sigaddset(&only, number)
    pthread_sigmask(SIG_UNBLOCK, &only, nil)
    raise(number)
  }
}
