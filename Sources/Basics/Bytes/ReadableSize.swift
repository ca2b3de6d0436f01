/// For example `1.5 GiB (1610612736 bytes)`, with at most one digit after the point.
package func readable(_ bytes: UInt64) -> String {
  binaryUnit(bytes).map { "\($0) (\(bytes) bytes)" } ?? "\(bytes) bytes"
}

/// For example `1.5 GiB`, with at most one digit after the point; nil below 1 KiB.
package func binaryUnit(_ bytes: UInt64) -> String? {
  let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
  guard bytes >= 1024 else { return nil }
  let power = (63 - bytes.leadingZeroBitCount) / 10
  let unit = UInt64(1) << UInt64(power * 10)
  let tenths = (bytes % unit) / (unit / 1024) * 10 / 1024
  return "\(bytes / unit)\(tenths == 0 ? "" : ".\(tenths)") \(units[power - 1])"
}
