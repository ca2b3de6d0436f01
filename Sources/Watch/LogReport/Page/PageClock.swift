import AccessFigures

/// Moments on the page: seconds after the first request, or numbers of requests.
struct PageClock {
  let hasTimes: Bool
  private let origin: UInt64
  /// Times of accesses are written in units of this, with which all fit in 32 bits.
  let tick: UInt64
  /// From the origin to the last request.
  let span: UInt64

  init(_ figures: AccessFigures) {
    hasTimes = figures.hasTimes
    origin = hasTimes ? figures.first ?? 0 : 0
    span = (figures.last ?? 0) - min(figures.last ?? 0, origin)
    tick = span >> 32 + 1
  }

  /// In nanoseconds after the origin, or the number of a request.
  func offset(_ moment: UInt64) -> UInt64 { moment - min(moment, origin) }

  /// How long before the origin a moment is.
  func lead(_ moment: UInt64) -> UInt64 { origin - min(moment, origin) }

  func units(_ moment: UInt64) -> UInt32 { UInt32(clamping: offset(moment) / tick) }

  /// How many digits a number of moments has after the point.
  var decimals: Int { hasTimes ? 9 : 0 }
}
