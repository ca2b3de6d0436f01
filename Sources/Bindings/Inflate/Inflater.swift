import CDeflate

/// Why compressed data could not be decompressed.
public enum InflateError: Error, Equatable, Sendable {
  /// The data is neither in zlib format nor raw deflate data, or it is damaged.
  case damaged
  /// The decompressed data does not fit into the buffer.
  case tooLong
  /// libdeflate could not allocate its tables.
  case outOfMemory
}

/// A libdeflate decompressor with a buffer for the compressed bytes. Only one thread may use it at a time.
public struct Inflater: ~Copyable {
  private var decompressor: OpaquePointer?
  private var room = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  /// Allocates nothing until the first use.
  public init() {}

  deinit {
    libdeflate_free_decompressor(decompressor)
    room.deallocate()
  }

  /// Decompresses one piece: zlib format (RFC 1950) or raw deflate data (RFC 1951). Bytes after the end of the piece
  /// are ignored.
  /// - Parameters:
  ///   - count: the maximum number of compressed bytes; the caller limits it.
  ///   - target: the buffer for the decompressed bytes.
  ///   - read: fills a buffer of `count` bytes with compressed bytes.
  /// - Returns: how many bytes were consumed and how many were produced.
  /// - Throws: what `read` throws.
  public mutating func inflate<Failure: Error>(
    count: Int, into target: UnsafeMutableRawBufferPointer,
    read: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) -> Result<(taken: Int, produced: Int), InflateError> {
    guard let decompressor = decompressor ?? libdeflate_alloc_decompressor() else { return .failure(.outOfMemory) }
    self.decompressor = decompressor
    if room.count < count {
      room.deallocate()
      room = .allocate(byteCount: count, alignment: 16)
    }
    let source = UnsafeMutableRawBufferPointer(rebasing: room[..<count])
    try read(source)
    var taken = 0
    var produced = 0
    var result = LIBDEFLATE_BAD_DATA
    if Inflater.hasZlibHeader(UnsafeRawBufferPointer(source)) {
      result = libdeflate_zlib_decompress_ex(
        decompressor, source.baseAddress, count, target.baseAddress, target.count, &taken, &produced)
    }
    // Raw deflate data can look like a zlib header by chance; then zlib's checksum fails. Conversely, deflate takes a
    // zlib header for the start of a stored block, whose length must be followed by its complement.
    if result != LIBDEFLATE_SUCCESS {
      let bare = libdeflate_deflate_decompress_ex(
        decompressor, source.baseAddress, count, target.baseAddress, target.count, &taken, &produced)
      if bare == LIBDEFLATE_SUCCESS || result == LIBDEFLATE_BAD_DATA { result = bare }
    }
    switch result {
    case LIBDEFLATE_SUCCESS: return .success((taken, produced))
    case LIBDEFLATE_INSUFFICIENT_SPACE: return .failure(.tooLong)
    default: return .failure(.damaged)
    }
  }

  /// RFC 1950, section 2.2: method 8, no preset dictionary, and a header that is a multiple of 31.
  private static func hasZlibHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 2 else { return false }
    let method = Int(bytes[0])
    let flags = Int(bytes[1])
    return method & 0x0f == 8 && flags & 0x20 == 0 && (method << 8 | flags) % 31 == 0
  }
}
