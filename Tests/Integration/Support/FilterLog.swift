import SystemPackage

/// The requests that nbdkit's own log filter has logged.
struct FilterLog {
  struct Request: Hashable {
    /// In the logger's terms, such as `read`.
    var operation: String
    var offset: UInt64
    var length: UInt64
  }

  var requests: [Request] = []
  /// Response lines that report an error.
  var failures: [String] = []

  /// Parses lines such as `2020-08-06 02:07:23.080907 connection=1 Read id=1 offset=0x0 count=0x200 ...` and
  /// `... connection=1 ...Read id=1 return=0`.
  init(contentsOf path: FilePath) throws {
    for line in try [UInt8](contentsOf: path).split(separator: 0x0a) {
      let words = Array(line).text.split(separator: " ")
      guard words.count > 3, words[2].hasPrefix("connection=") else { continue }
      let action = words[3]
      if action.hasPrefix("...") {
        if words.contains(where: { $0.hasPrefix("return=") && $0 != "return=0" }) { failures.append(Array(line).text) }
        continue
      }
      guard ["Read", "Write", "Zero", "Trim", "Flush", "Cache"].contains(action) else { continue }
      func number(_ name: String) -> UInt64? {
        guard let word = words.first(where: { $0.hasPrefix(name + "=0x") }) else { return nil }
        return UInt64(word.dropFirst(name.count + 3), radix: 16)
      }
      guard let offset = action == "Flush" ? 0 : number("offset"), let length = action == "Flush" ? 0 : number("count")
      else { throw TestFailure("not a line of the log filter: \(Array(line).text)") }
      requests.append(Request(operation: action.lowercased(), offset: offset, length: length))
    }
  }

  /// How often each request was made.
  var counts: [Request: Int] { requests.reduce(into: [:]) { $0[$1, default: 0] += 1 } }
}
