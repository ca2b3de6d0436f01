/// A streamOptimized image that is valid except for the compressed data of its two grains: the first comes from the
/// fuzzer, the second is zeros.
enum GrainImage {
  /// - Parameter payload: one byte for the size of the grain, one for whether it has a marker, two that are added to
  ///   the size in the marker; then the compressed data.
  static func bytes(around payload: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
    let settings = Array(payload.prefix(4)) + [UInt8](repeating: 0, count: 4)
    let compressed = Array(payload.dropFirst(4))
    let grain = UInt64(8) << UInt64(settings[0] % 6)
    let hasMarkers = settings[1] & 1 == 0

    var file = [UInt8](repeating: 0, count: 4 * 512)
    file.set(0x564d_444b, at: 0, width: 4)
    file.set(3, at: 4, width: 4)
    file.set(hasMarkers ? 0x3_0001 : 0x1_0001, at: 8, width: 4)
    file.set(grain * 2, at: 12, width: 8)
    file.set(grain, at: 20, width: 8)
    file.set(2, at: 44, width: 4)
    file.set(1, at: 56, width: 8)
    file.replaceSubrange(73..<77, with: [0x0a, 0x20, 0x0d, 0x0a])
    file.set(1, at: 77, width: 2)
    // The grain directory, and the only grain table.
    file.set(2, at: 512, width: 4)
    file.set(4, at: 1024, width: 4)
    file.set(3, at: 1028, width: 4)
    guard hasMarkers else { return file + compressed }
    // The marker of the second grain: 100 bytes of data, all zeros, which are not a valid stream.
    file.set(grain, at: 1536, width: 8)
    file.set(100, at: 1544, width: 4)
    var marker = [UInt8](repeating: 0, count: 12)
    marker.set(UInt64(compressed.count) &+ settings.number(at: 2, width: 2), at: 8, width: 4)
    return file + marker + compressed
  }
}
