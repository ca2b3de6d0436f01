/// A line `key = "value"` of a descriptor, the quotes and the spaces around the sign optional.
public struct DescriptorSetting: Equatable, Sendable {
  /// As written.
  public let key: String
  /// Without the quotes, in the descriptor's encoding.
  public let value: [UInt8]

  /// - Parameter line: without white space around it.
  /// - Returns: nil where it is no such line.
  init?(parsing line: ArraySlice<UInt8>) {
    guard let sign = line.firstIndex(of: UInt8(ascii: "=")) else { return nil }
    let key = trimmed(line[..<sign])
    var value = trimmed(line[(sign + 1)...])
    if value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") {
      value = value.dropFirst().dropLast()
    }
    guard !key.isEmpty, !key.contains(UInt8(ascii: "\"")) else { return nil }
    self.key = String(decoding: key, as: UTF8.self)
    self.value = [UInt8](value)
  }
}
