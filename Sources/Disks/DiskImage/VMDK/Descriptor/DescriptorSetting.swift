/// A line `key = "value"` of a descriptor. The quotes, and the spaces around `=`, are optional.
public struct DescriptorSetting: Equatable, Sendable {
  /// As written.
  public let key: String
  /// Without the quotes, in the encoding of the descriptor.
  public let value: [UInt8]

  /// - Parameter line: a line without surrounding white space.
  /// - Returns: `nil` if it is not a setting.
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
