import CZlib
import Testing

/// A way of compressing grains that occurs in streamOptimized files.
enum Compression: CaseIterable, CustomTestStringConvertible {
  case zlib, zlibStored, zlibFast, raw

  var testDescription: String { "\(self)" }

  func callAsFunction(_ bytes: [UInt8]) throws -> [UInt8] {
    let level: Int32 =
      switch self {
      case .zlib, .raw: Z_DEFAULT_COMPRESSION
      case .zlibStored: Z_NO_COMPRESSION
      case .zlibFast: Z_BEST_SPEED
      }
    var stream = z_stream()
    let status = deflateInit2_(
      &stream, level, Z_DEFLATED, self == .raw ? -15 : 15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { throw ToolFailure(description: "zlib: \(status)") }
    defer { deflateEnd(&stream) }
    var input = bytes
    return try input.withUnsafeMutableBufferPointer { source in
      let room = Int(deflateBound(&stream, UInt(source.count)))
      return try [UInt8](unsafeUninitializedCapacity: room) { target, used in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(target.count)
        let status = deflate(&stream, Z_FINISH)
        guard status == Z_STREAM_END else { throw ToolFailure(description: "zlib: \(status)") }
        used = Int(stream.total_out)
      }
    }
  }
}

/// Inflates a grain, with or without a zlib header.
/// - Parameter count: the maximum size of the result.
func inflated(_ bytes: [UInt8], count: Int) throws -> [UInt8] {
  // A zlib header has the method in the low half of the first byte, and as a 16-bit number is a multiple of 31.
  let hasHeader = bytes.count > 1 && bytes[0] & 15 == 8 && (Int(bytes[0]) << 8 + Int(bytes[1])) % 31 == 0
  var stream = z_stream()
  let status = inflateInit2_(&stream, hasHeader ? 15 : -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
  guard status == Z_OK else { throw ToolFailure(description: "zlib: \(status)") }
  defer { inflateEnd(&stream) }
  var input = bytes
  return try input.withUnsafeMutableBufferPointer { source in
    try [UInt8](unsafeUninitializedCapacity: count) { target, used in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      stream.next_out = target.baseAddress
      stream.avail_out = UInt32(target.count)
      let status = inflate(&stream, Z_FINISH)
      guard status == Z_STREAM_END, stream.avail_in == 0 else { throw ToolFailure(description: "zlib: \(status)") }
      used = Int(stream.total_out)
    }
  }
}
