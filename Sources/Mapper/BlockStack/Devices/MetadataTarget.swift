/// A device-mapper target whose table does not say where its data is: it is in metadata on a device.
package enum MetadataTarget: Equatable {
  /// A thin volume, with its number in the pool. What it does not hold itself is on its external origin, if it has one.
  case thin(pool: Substring, number: UInt64, origin: Substring?)
  /// A thin pool. It has no content of its own.
  case pool(metadata: Substring, data: Substring)
  /// A classic snapshot, with the device that holds the changed chunks.
  case snapshot(origin: Substring, store: Substring)
  /// A cached volume. Its metadata says what must be read from the cache.
  case cached(metadata: Substring, cache: Substring, origin: Substring)

  /// - Parameter fields: the fields after the target's name.
  /// - Returns: nil if it is another target, or the line is malformed.
  init?(kind: Substring, _ fields: ArraySlice<Substring>) {
    let fields = Array(fields)
    switch kind {
    // POOL NUMBER [ORIGIN]
    case "thin" where fields.count >= 2:
      guard let number = UInt64(fields[1]) else { return nil }
      self = .thin(pool: fields[0], number: number, origin: fields.count > 2 ? fields[2] : nil)
    // METADATA DATA BLOCK …
    case "thin-pool" where fields.count >= 3: self = .pool(metadata: fields[0], data: fields[1])
    // ORIGIN STORE P CHUNK; a P that is followed by an O is a persistent store, too.
    case "snapshot" where fields.count >= 4 && fields[2].hasPrefix("P"):
      self = .snapshot(origin: fields[0], store: fields[1])
    // METADATA CACHE ORIGIN BLOCK COUNT FEATURE… …
    case "cache" where fields.count >= 5: self = .cached(metadata: fields[0], cache: fields[1], origin: fields[2])
    default: return nil
    }
  }
}
