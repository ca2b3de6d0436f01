/// Ends a guest when it is to end: first with its power button, and by killing it if that has no effect.
struct Shutdown {
  /// When `--timeout` is over.
  private let timeout: ContinuousClock.Instant?
  /// Whether a guest that is not needed any more gets the time to shut down.
  private let isOrderly: Bool
  private var requests = 0
  /// When the guest is killed, and when its power button is pressed again: a guest that is still booting, for example,
  /// does not notice it.
  private var limit: ContinuousClock.Instant?
  private var nextPress: ContinuousClock.Instant?
  private(set) var ending = GuestEnding.poweredOff
  /// Whether qemu was killed here.
  private(set) var isKilled = false

  /// How long a guest may take to shut down.
  private static let longest = Duration.seconds(120)
  private static let pressInterval = Duration.seconds(5)
  /// How long qemu may take to end.
  private static let longestQuit = Duration.seconds(10)

  init(deadline: ContinuousClock.Instant?, isOrderly: Bool) {
    timeout = deadline
    self.isOrderly = isOrderly
  }

  /// Does what is to be done now.
  /// - Parameter isSeen: whether `--until` was seen.
  mutating func advance(_ guest: inout RunningGuest, isSeen: Bool, _ observer: some GuestObserver) {
    let now = ContinuousClock.now
    let isNewRequest = StopRequests.count > requests
    requests = StopRequests.count
    if limit == nil {
      if isNewRequest {
        begin(.stopped(isKilled: false), isOrderly: true, &guest, observer)
      } else if isSeen {
        begin(.seen, isOrderly: isOrderly, &guest, observer)
      } else if let timeout, now >= timeout {
        begin(.timedOut, isOrderly: isOrderly, &guest, observer)
      }
    } else if isNewRequest {
      if case .stopped = ending { ending = .stopped(isKilled: true) }
      kill(&guest)
    } else if let limit, now >= limit {
      kill(&guest)
    } else if let nextPress, now >= nextPress {
      guest.monitor.powerDown()
      self.nextPress = now + Self.pressInterval
    }
  }

  private mutating func begin(
    _ ending: GuestEnding, isOrderly: Bool, _ guest: inout RunningGuest, _ observer: some GuestObserver
  ) {
    self.ending = ending
    let now = ContinuousClock.now
    if isOrderly {
      guest.monitor.powerDown()
      limit = now + Self.longest
      nextPress = now + Self.pressInterval
      observer.isShuttingDown()
    } else {
      guest.monitor.quit()
      limit = now + Self.longestQuit
    }
  }

  private mutating func kill(_ guest: inout RunningGuest) {
    isKilled = true
    guest.kill()
  }
}
