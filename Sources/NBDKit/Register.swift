import CNBDKit
import Glibc

/// The plugin of this library. nbdkit loads a library once and configures it in one thread; `afterFork` is the last
/// call that changes it and comes before the first connection, so that nobody writes while others read.
nonisolated(unsafe) private var plugin: (any Plugin)?
nonisolated(unsafe) private var pluginType: (any Plugin.Type)?

/// What `.open` hands to nbdkit as the connection's handle.
private final class Handle: Sendable {
  let connection: any Connection
  init(_ connection: any Connection) { self.connection = connection }
}

/// The description of `type` that nbdkit takes from the library's `plugin_init`: a `struct nbdkit_plugin` that lives
/// as long as the process.
///
///     @_cdecl("plugin_init")
///     public func pluginInit() -> UnsafeMutableRawPointer { register(MyPlugin.self) }
public func register(_ type: any Plugin.Type) -> UnsafeMutableRawPointer {
  pluginType = type
  let information = type.information
  let description = UnsafeMutablePointer<nbdkit_plugin>.allocate(capacity: 1)
  description.initialize(to: nbdkit_plugin())
  description.pointee._struct_size = UInt64(MemoryLayout<nbdkit_plugin>.size)
  description.pointee._api_version = NBDKIT_API_VERSION
  description.pointee._thread_model = information.threadModel.rawValue
  description.pointee.name = permanent(information.name)
  description.pointee.longname = permanent(information.longName)
  description.pointee.version = permanent(information.version)
  description.pointee.description = permanent(information.description)
  description.pointee.config_help = permanent(information.configHelp)
  description.pointee.magic_config_key = information.magicConfigKey.flatMap(permanent)
  description.pointee.errno_is_preserved = 0
  setLifeCycle(&description.pointee)
  setConnection(&description.pointee)
  setCapabilities(&description.pointee)
  setRequests(&description.pointee)
  return UnsafeMutableRawPointer(description)
}

/// nbdkit keeps the pointers of the description until the process ends.
private func permanent(_ text: String) -> UnsafePointer<CChar>? {
  strdup(text).map { UnsafePointer($0) }
}

private func setLifeCycle(_ description: inout nbdkit_plugin) {
  description.load = { plugin = pluginType?.init() }
  description.unload = { plugin = nil }
  description.dump_plugin = {
    for field in pluginType?.dumpFields ?? [] { puts("\(field.key)=\(field.value)") }
  }
  description.config = { key, value in
    guard let key, let value else { return -1 }
    return succeeded { try plugin?.configure(key: String(cString: key), value: ParameterValue(value)) }
  }
  description.config_complete = { succeeded { try plugin?.configurationComplete() } }
  description.get_ready = { succeeded { try plugin?.getReady() } }
  description.after_fork = { succeeded { try plugin?.afterFork() } }
  description.cleanup = { plugin?.cleanup() }
  description.list_exports = { readOnly, isTLS, exports in
    succeeded {
      for export in try plugin?.listExports(readOnly: readOnly != 0, isTLS: isTLS != 0) ?? [] {
        let added = (export.name + [0]).withUnsafeBufferPointer { name in
          name.withMemoryRebound(to: CChar.self) {
            nbdkit_add_export(exports, $0.baseAddress, export.description.isEmpty ? nil : export.description)
          }
        }
        guard added == 0 else { throw PluginError(errno: .invalid, "nbdkit took no export") }
      }
    }
  }
}

private func setConnection(_ description: inout nbdkit_plugin) {
  description.open = { readOnly in
    do {
      guard let plugin, let name = nbdkit_export_name() else { return nil }
      let exportName = Array(UnsafeRawBufferPointer(start: name, count: strlen(name)))
      let connection = try plugin.open(readOnly: readOnly != 0, exportName: exportName)
      return Unmanaged.passRetained(Handle(connection)).toOpaque()
    } catch {
      report(error)
      return nil
    }
  }
  description.close = { handle in
    guard let handle else { return }
    let owned = Unmanaged<Handle>.fromOpaque(handle).takeRetainedValue()
    owned.connection.close()
  }
  description.get_size = { handle in
    guard let size = connection(handle).map(\.size) else { return -1 }
    guard let signed = Int64(exactly: size) else {
      report(PluginError(errno: .invalid, "a disk of \(size) bytes is larger than NBD allows"))
      return -1
    }
    return signed
  }
}

private func setCapabilities(_ description: inout nbdkit_plugin) {
  description.can_write = { capability($0) { $0.canWrite } }
  description.can_flush = { capability($0) { $0.canFlush } }
  description.can_zero = { capability($0) { $0.canZero } }
  description.can_fast_zero = { capability($0) { $0.canFastZero } }
  description.can_trim = { capability($0) { $0.canTrim } }
  description.is_rotational = { capability($0) { $0.isRotational } }
  description.can_extents = { capability($0) { $0.canExtents } }
  description.can_multi_conn = { capability($0) { $0.canMultiConn } }
  description.can_fua = { handle in
    guard let capabilities = connection(handle)?.capabilities else { return -1 }
    if capabilities.canFUA { return NBDKIT_FUA_NATIVE }
    return capabilities.canFlush ? NBDKIT_FUA_EMULATE : NBDKIT_FUA_NONE
  }
  description.can_cache = { connection($0)?.capabilities.cache.rawValue ?? -1 }
  description.block_size = { handle, minimum, preferred, maximum in
    let size = connection(handle)?.capabilities.blockSize
    minimum?.pointee = size?.minimum ?? 0
    preferred?.pointee = size?.preferred ?? 0
    maximum?.pointee = size?.maximum ?? 0
    return 0
  }
}

private func setRequests(_ description: inout nbdkit_plugin) {
  description.pread = { handle, buffer, count, offset, _ in
    succeeded {
      try connection(handle)?.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: Int(count)), at: offset)
    }
  }
  description.pwrite = { handle, buffer, count, offset, flags in
    succeeded {
      try connection(handle)?.write(
        UnsafeRawBufferPointer(start: buffer, count: Int(count)), at: offset,
        fua: flags & UInt32(NBDKIT_FLAG_FUA) != 0)
    }
  }
  description.zero = { handle, count, offset, flags in
    succeeded {
      try connection(handle)?.zero(
        try range(offset, count), mayTrim: flags & UInt32(NBDKIT_FLAG_MAY_TRIM) != 0,
        fast: flags & UInt32(NBDKIT_FLAG_FAST_ZERO) != 0, fua: flags & UInt32(NBDKIT_FLAG_FUA) != 0)
    }
  }
  description.trim = { handle, count, offset, flags in
    succeeded { try connection(handle)?.trim(try range(offset, count), fua: flags & UInt32(NBDKIT_FLAG_FUA) != 0) }
  }
  description.flush = { handle, _ in succeeded { try connection(handle)?.flush() } }
  description.cache = { handle, count, offset, _ in
    succeeded { try connection(handle)?.cache(try range(offset, count)) }
  }
  description.extents = { handle, count, offset, flags, list in
    succeeded {
      guard let list else { return }
      let range = try range(offset, count)
      let one = flags & UInt32(NBDKIT_FLAG_REQ_ONE) != 0
      try connection(handle)?.extents(
        in: range, one: one, into: ExtentList(list: list, end: range.upperBound, one: one))
    }
  }
}

private func range(_ offset: UInt64, _ count: UInt32) throws -> Range<UInt64> {
  let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
  guard !overflow else { throw PluginError(errno: .invalid, "a range beyond the end of any disk") }
  return offset..<end
}

private func connection(_ handle: UnsafeMutableRawPointer?) -> (any Connection)? {
  handle.map { Unmanaged<Handle>.fromOpaque($0).takeUnretainedValue().connection }
}

private func capability(_ handle: UnsafeMutableRawPointer?, _ get: (Capabilities) -> Bool) -> Int32 {
  guard let capabilities = connection(handle)?.capabilities else { return -1 }
  return get(capabilities) ? 1 : 0
}

private func succeeded(_ body: () throws -> Void) -> Int32 {
  do {
    try body()
    return 0
  } catch {
    report(error)
    return -1
  }
}
