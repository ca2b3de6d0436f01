/// A message in the encoding of Protocol Buffers, as far as traces need it: fields with integers, bytes and messages.
struct ProtobufMessage {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ field: UInt32, _ value: UInt64) {
    append(varint: UInt64(field) << 3)
    append(varint: value)
  }

  mutating func add(_ field: UInt32, _ value: some Collection<UInt8>) {
    append(varint: UInt64(field) << 3 | 2)
    append(varint: UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  mutating func add(_ field: UInt32, _ body: (inout ProtobufMessage) -> Void) {
    var message = ProtobufMessage()
    body(&message)
    add(field, message.bytes)
  }

  private mutating func append(varint: UInt64) {
    var rest = varint
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }
}
