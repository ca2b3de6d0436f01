import CDeflate

/// Why a compressed piece could not be decompressed.
public enum InflateError: Error, Equatable, Sendable {
  /// The bytes are neither zlib's format nor bare deflate data, or are damaged.
  case damaged
  /// They decompress to more than there is room for.
  case tooLong
  /// libdeflate got no memory for its tables.
  case outOfMemory
}

/// A decompressor of libdeflate and room for the compressed bytes, for one thread at a time.
public struct Inflater: ~Copyable {
  private var decompressor: OpaquePointer?
  private var room = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  /// Costs nothing before its first use.
  public init() {}

  deinit {
    libdeflate_free_decompressor(decompressor)
    room.deallocate()
  }

  /// Decompresses one piece: zlib's format (RFC 1950) or, without its header, deflate data (RFC 1951). Bytes behind the
  /// piece's end do no harm.
  /// - Parameters:
  ///   - count: of compressed bytes, at most; the caller bounds it.
  ///   - target: room for what comes out.
  ///   - read: fills a buffer of `count` bytes with the compressed ones.
  /// - Returns: how many bytes the piece took, and how many came out.
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
    // Deflate data may begin like zlib's header by chance; zlib's checksum then fails. The other way round, that header
    // is to deflate a stored block's, whose length has its complement behind it.
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

  /// RFC 1950, section 2.2: method 8, no preset dictionary, and a sum that is a multiple of 31.
  private static func hasZlibHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 2 else { return false }
    let method = Int(bytes[0])
    let flags = Int(bytes[1])
    return method & 0x0f == 8 && flags & 0x20 == 0 && (method << 8 | flags) % 31 == 0
  }
}
