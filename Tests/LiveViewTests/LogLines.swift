import LiveView

/// Lines of a JSON log.
enum LogLines {
  /// - Parameters:
  ///   - time: in seconds.
  ///   - path: as JSON has it, without quotes.
  static func request(
    _ operation: String = "read", time: Double, path: String, offset: UInt64 = 0, length: UInt64 = 4096,
    kind: String = "f", device: String = "/dev/sda1"
  ) -> String {
    """
    {"time":\(time),"op":"\(operation)","disk":1,"connection":1,"offset":\(offset),"length":\(length),"result":"ok",\
    "latency":35.2,"pieces":[{"offset":\(offset),"length":\(length),"objects":[\
    {"kind":"\(kind)","device":"\(device)","path":"\(path)","offset":0},\
    {"kind":"v","device":"/dev/sda","offset":\(offset)}]}]}

    """
  }
}

extension LiveLog {
  /// A snapshot of a log that nobody reads now.
  func taken(_ query: LiveQuery) -> LiveSnapshot { snapshot(query) ?? LiveSnapshot() }

  func feed(_ text: String) throws { try Array(text.utf8).withUnsafeBytes { try feed($0) } }
}
