/// Text in qemu's options.
enum QemuOption {
  /// A value of `NAME=VALUE,…`: commas are doubled.
  static func escaped(_ value: [UInt8]) -> [UInt8] {
    value.flatMap { $0 == UInt8(ascii: ",") ? [$0, $0] : [$0] }
  }
}
