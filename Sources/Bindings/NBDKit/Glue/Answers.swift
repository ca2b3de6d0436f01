import CNBDKit

/// The callbacks that plugins and filters have in common.
enum Answers {
  static func size(_ handle: UnsafeMutableRawPointer?) -> Int64 {
    guard let size = connection(handle)?.size else { return -1 }
    guard let signed = Int64(exactly: size) else {
      _ = report(PluginError(errno: .invalid, "a disk of \(size) bytes is larger than NBD allows"))
      return -1
    }
    return signed
  }

  static func fua(_ handle: UnsafeMutableRawPointer?) -> Int32 {
    guard let capabilities = connection(handle)?.capabilities else { return -1 }
    if let fua = capabilities.fua { return fua.rawValue }
    return capabilities.canFlush ? NBDKIT_FUA_EMULATE : NBDKIT_FUA_NONE
  }

  static func blockSize(
    _ handle: UnsafeMutableRawPointer?, _ minimum: UnsafeMutablePointer<UInt32>?,
    _ preferred: UnsafeMutablePointer<UInt32>?, _ maximum: UnsafeMutablePointer<UInt32>?
  ) -> Int32 {
    let size = connection(handle)?.capabilities.blockSize
    minimum?.pointee = size?.minimum ?? 0
    preferred?.pointee = size?.preferred ?? 0
    maximum?.pointee = size?.maximum ?? 0
    return 0
  }

  static func add(_ exports: [Export], to list: OpaquePointer?) throws {
    for export in exports {
      let added = withCString(export.name) {
        nbdkit_add_export(list, $0, export.description.isEmpty ? nil : export.description)
      }
      guard added == 0 else { throw PluginError(errno: .invalid, "nbdkit took no export") }
    }
  }
}

/// Converts a client's requests from nbdkit's types to Swift's.
enum Requests {
  static func write(
    _ connection: any Connection, _ buffer: UnsafeRawPointer?, _ count: UInt32, _ offset: UInt64, _ flags: UInt32
  ) throws {
    try connection.write(
      UnsafeRawBufferPointer(start: buffer, count: Int(count)), at: offset, fua: has(flags, NBDKIT_FLAG_FUA))
  }

  static func zero(_ connection: any Connection, _ count: UInt32, _ offset: UInt64, _ flags: UInt32) throws {
    try connection.zero(
      try range(offset, count), mayTrim: has(flags, NBDKIT_FLAG_MAY_TRIM), fast: has(flags, NBDKIT_FLAG_FAST_ZERO),
      fua: has(flags, NBDKIT_FLAG_FUA))
  }

  static func trim(_ connection: any Connection, _ count: UInt32, _ offset: UInt64, _ flags: UInt32) throws {
    try connection.trim(try range(offset, count), fua: has(flags, NBDKIT_FLAG_FUA))
  }

  static func cache(_ connection: any Connection, _ count: UInt32, _ offset: UInt64) throws {
    try connection.cache(try range(offset, count))
  }

  static func extents(
    _ connection: any Connection, _ count: UInt32, _ offset: UInt64, _ flags: UInt32, into list: OpaquePointer?
  ) throws {
    guard let list else { return }
    let asked = try range(offset, count)
    let one = has(flags, NBDKIT_FLAG_REQ_ONE)
    try connection.extents(in: asked, one: one) { extent, state in
      guard !extent.isEmpty else { return true }
      guard nbdkit_add_extent(list, extent.lowerBound, extent.upperBound - extent.lowerBound, state.flags) == 0 else {
        throw PluginError(errno: .inputOutput, "nbdkit took no extent at offset \(extent.lowerBound)")
      }
      return !one && extent.upperBound < asked.upperBound
    }
  }

  private static func has(_ flags: UInt32, _ flag: Int32) -> Bool { flags & UInt32(flag) != 0 }

  private static func range(_ offset: UInt64, _ count: UInt32) throws -> Range<UInt64> {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
    guard !overflow else { throw PluginError(errno: .invalid, "a range beyond the end of any disk") }
    return offset..<end
  }
}
