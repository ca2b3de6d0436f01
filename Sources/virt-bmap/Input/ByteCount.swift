import ArgumentParser
import Bytes

/// A number of bytes as people write it: decimal or `0x…`, with a suffix k, M, G or T for powers of 1024, or s for
/// sectors.
struct ByteCount {
  let value: UInt64

  init(value: UInt64) { self.value = value }

  init?(_ text: String) {
    guard let value = Array(text.utf8)[...].byteCount else { return nil }
    self.value = value
  }
}

extension ByteCount: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }

  var defaultValueDescription: String { value.isMultiple(of: 1 << 30) ? "\(value >> 30)G" : String(value) }
}
