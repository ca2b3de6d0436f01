import SystemPackage

/// The warnings about a descriptor. Their number is limited, because a hostile descriptor may contain nothing else.
struct DescriptorOddities {
  /// How many warnings are given one by one.
  static let maximum = 8

  private let path: FilePath
  private var messages: [String] = []
  private var more = 0

  init(path: FilePath) { self.path = path }

  /// - Parameter message: one line, escaped.
  mutating func add(_ message: String) {
    if messages.count < Self.maximum { messages.append("\(printable(path)): \(message)") } else { more += 1 }
  }

  var warnings: [String] {
    guard more > 0 else { return messages }
    return messages + ["\(printable(path)): \(more) more lines of the descriptor are left out in the same way"]
  }
}
