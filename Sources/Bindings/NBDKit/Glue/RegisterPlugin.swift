import CNBDKit
import Glibc

/// This library's plugin. nbdkit loads a library once and configures it in one thread. `afterFork` is the last call
/// that changes the plugin, and comes before the first connection, so nobody writes it while others read it.
nonisolated(unsafe) private var plugin: (any Plugin)?
nonisolated(unsafe) private var pluginType: (any Plugin.Type)?

/// Returns the description of `type` for the library's `plugin_init`: a `struct nbdkit_plugin` that lives as long as
/// the process.
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
      try Answers.add(try plugin?.listExports(readOnly: readOnly != 0, isTLS: isTLS != 0) ?? [], to: exports)
    }
  }
}

private func setConnection(_ description: inout nbdkit_plugin) {
  description.open = { readOnly in
    do {
      guard let plugin, let name = nbdkit_export_name().map(bytes) else { return nil }
      let connection = try plugin.open(readOnly: readOnly != 0, exportName: name)
      return ConnectionHandle(readOnly: readOnly != 0, exportName: name, connection: connection).opaque
    } catch {
      nbdkit_set_error(report(error))
      return nil
    }
  }
  description.close = { handle in
    guard let handle else { return }
    ConnectionHandle.taken(handle).connection?.close()
  }
  description.get_size = { Answers.size($0) }
  description.export_description = { exportDescription($0) }
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
  description.can_fua = { Answers.fua($0) }
  description.can_cache = { connection($0)?.capabilities.cache.rawValue ?? -1 }
  description.block_size = { Answers.blockSize($0, $1, $2, $3) }
}

private func setRequests(_ description: inout nbdkit_plugin) {
  description.pread = { handle, buffer, count, offset, _ in
    request(handle) {
      try $0.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: Int(count)), at: offset)
    }
  }
  description.pwrite = { handle, buffer, count, offset, flags in
    request(handle) { try Requests.write($0, buffer, count, offset, flags) }
  }
  description.zero = { handle, count, offset, flags in
    request(handle) { try Requests.zero($0, count, offset, flags) }
  }
  description.trim = { handle, count, offset, flags in
    request(handle) { try Requests.trim($0, count, offset, flags) }
  }
  description.flush = { handle, _ in request(handle) { try $0.flush() } }
  description.cache = { handle, count, offset, _ in request(handle) { try Requests.cache($0, count, offset) } }
  description.extents = { handle, count, offset, flags, list in
    request(handle) { try Requests.extents($0, count, offset, flags, into: list) }
  }
}

@inline(__always)
private func request(_ handle: UnsafeMutableRawPointer?, _ body: (any Connection) throws -> Void) -> Int32 {
  succeeded { if let connection = connection(handle) { try body(connection) } }
}

@inline(__always)
private func succeeded(_ body: () throws -> Void) -> Int32 {
  do {
    try body()
    return 0
  } catch {
    nbdkit_set_error(report(error))
    return -1
  }
}
