import Benchmarking

/// The results of all rounds.
struct Results {
  struct Key: Hashable {
    let measurement: Measurement
    let program: Program
    let image: Image
  }

  private var values: [Key: [Double]] = [:]

  mutating func add(_ value: Double, _ measurement: Measurement, of server: Server) {
    values[Key(measurement: measurement, program: server.program, image: server.image), default: []].append(value)
  }

  /// Prints a table for each measurement: medians, minimum and maximum, and bmaplogger's result relative to the
  /// others'.
  func print(servers: [Server]) {
    for measurement in Measurement.allCases {
      Swift.print("\n\(measurement.title)")
      for server in servers {
        let values = values(measurement, server.program, server.image)
        guard let least = values.min(), let most = values.max() else { continue }
        let digits = measurement.isSeconds ? 3 : 0
        let figures = [median(values), least, most].map { padded(shown($0, digits), 9) }
        let line = "  \(server.image.rawValue.padded(17))\(server.program.rawValue.padded(12))" + figures.joined()
        Swift.print(line + (server.program == .ours ? ratios(measurement, server.image) : ""))
      }
    }
  }

  private func values(_ measurement: Measurement, _ program: Program, _ image: Image) -> [Double] {
    values[Key(measurement: measurement, program: program, image: image)] ?? []
  }

  private func ratios(_ measurement: Measurement, _ image: Image) -> String {
    let ours = values(measurement, .ours, image)
    return [Program.qemu, .nbdkitFile].map { other in
      let theirs = values(measurement, other, image)
      guard !ours.isEmpty, !theirs.isEmpty else { return "" }
      return "   \(shown(median(ours) / median(theirs))) x \(other.rawValue)"
    }.joined()
  }

  private func padded(_ text: String, _ width: Int) -> String {
    // Whole numbers are shown without decimals.
    let text = text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    return String(repeating: " ", count: max(1, width - text.count)) + text
  }
}

extension String {
  fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
