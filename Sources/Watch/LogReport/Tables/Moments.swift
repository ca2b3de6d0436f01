import BlockMap

/// Moments as a log writes them: seconds with six digits after the point, or numbers of requests.
enum Moments {
  static func append(_ moment: UInt64, hasTimes: Bool, to output: inout [UInt8]) {
    if hasTimes {
      JSONText.append(moment / 1000, decimals: 6, to: &output)
    } else {
      JSONText.append(moment, to: &output)
    }
  }
}
