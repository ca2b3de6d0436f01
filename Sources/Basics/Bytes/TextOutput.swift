/// Where a text goes.
package protocol TextOutput: ~Copyable {
  /// Calls `body` with a buffer, to which it appends a part of the text.
  mutating func append(_ body: (inout [UInt8]) -> Void) throws
}
