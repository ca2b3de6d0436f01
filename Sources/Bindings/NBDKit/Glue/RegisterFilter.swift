import CNBDKit
import Glibc

/// This library's filter. As with a plugin, nobody writes it while others read it.
nonisolated(unsafe) private var filter: (any Filter)?
nonisolated(unsafe) private var filterType: (any Filter.Type)?

/// Returns the description of `type` for the library's `filter_init`: a `struct nbdkit_filter` that lives as long as
/// the process. nbdkit loads the filter only if it was compiled for this version of nbdkit.
///
///     @_cdecl("filter_init")
///     public func filterInit() -> UnsafeMutableRawPointer { register(MyFilter.self) }
public func register(_ type: any Filter.Type) -> UnsafeMutableRawPointer {
  filterType = type
  let information = type.information
  let description = UnsafeMutablePointer<nbdkit_filter>.allocate(capacity: 1)
  description.initialize(to: nbdkit_filter())
  description.pointee._api_version = bmap_nbdkit_filter_api_version()
  description.pointee._version = bmap_nbdkit_version()
  description.pointee.name = permanent(information.name)
  description.pointee.longname = permanent(information.longName)
  description.pointee.description = permanent(information.description)
  description.pointee.config_help = permanent(information.configHelp)
  setLifeCycle(&description.pointee)
  setConnection(&description.pointee)
  setCapabilities(&description.pointee)
  setRequests(&description.pointee)
  return UnsafeMutableRawPointer(description)
}

private func setLifeCycle(_ description: inout nbdkit_filter) {
  description.load = { filter = filterType?.init() }
  description.unload = { filter = nil }
  description.config = { next, backend, key, value in
    guard let key, let value else { return -1 }
    var isOurs = false
    let status = succeeded {
      isOurs = try filter?.configure(key: String(cString: key), value: ParameterValue(value)) ?? false
    }
    return status != 0 || isOurs ? status : next?(backend, key, value) ?? -1
  }
  description.config_complete = { next, backend in
    let status = succeeded { try filter?.configurationComplete() }
    return status != 0 ? status : next?(backend) ?? -1
  }
  description.get_ready = { _ in succeeded { try filter?.getReady() } }
  description.after_fork = { _ in succeeded { try filter?.afterFork() } }
  description.cleanup = { _ in filter?.cleanup() }
  description.list_exports = { next, backend, readOnly, _, exports in
    guard let status = next?(backend, readOnly, exports), status == 0 else { return -1 }
    return succeeded { try Answers.add(try filter?.listExports(readOnly: readOnly != 0) ?? [], to: exports) }
  }
}

private func setConnection(_ description: inout nbdkit_filter) {
  description.open = { next, context, readOnly, exportName, _ in
    guard let next, let exportName else { return nil }
    let name = bytes(exportName)
    do {
      if let export = try filter?.nextExport(readOnly: readOnly != 0, exportName: name) {
        let status = withCString(export.name) { next(context, export.readOnly ? 1 : 0, $0) }
        guard status == 0 else { return nil }
      }
      return ConnectionHandle(readOnly: readOnly != 0, exportName: name).opaque
    } catch {
      _ = report(error)
      return nil
    }
  }
  description.prepare = { next, handle, _ in
    guard let next, let handle = ConnectionHandle.of(handle) else { return -1 }
    return succeeded {
      handle.connection = try filter?.open(
        over: try NextConnection(next), readOnly: handle.readOnly, exportName: handle.exportName)
    }
  }
  description.finalize = { _, handle in
    ConnectionHandle.of(handle)?.connection?.close()
    return 0
  }
  description.close = { handle in
    if let handle { _ = ConnectionHandle.taken(handle) }
  }
  description.get_size = { _, handle in Answers.size(handle) }
  description.export_description = { next, handle in
    exportDescription(handle) ?? next.flatMap { $0.pointee.export_description($0) }
  }
}

private func setCapabilities(_ description: inout nbdkit_filter) {
  description.can_write = { capability($1) { $0.canWrite } }
  description.can_flush = { capability($1) { $0.canFlush } }
  description.can_zero = { _, handle in
    guard let capabilities = connection(handle)?.capabilities else { return -1 }
    return capabilities.canZero ? NBDKIT_ZERO_NATIVE : NBDKIT_ZERO_NONE
  }
  description.can_fast_zero = { capability($1) { $0.canFastZero } }
  description.can_trim = { capability($1) { $0.canTrim } }
  description.is_rotational = { capability($1) { $0.isRotational } }
  description.can_extents = { capability($1) { $0.canExtents } }
  description.can_multi_conn = { capability($1) { $0.canMultiConn } }
  description.can_fua = { Answers.fua($1) }
  description.can_cache = { connection($1)?.capabilities.cache.rawValue ?? -1 }
  description.block_size = { Answers.blockSize($1, $2, $3, $4) }
}

private func setRequests(_ description: inout nbdkit_filter) {
  description.pread = { _, handle, buffer, count, offset, _, error in
    request(handle, error) {
      try $0.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: Int(count)), at: offset)
    }
  }
  description.pwrite = { _, handle, buffer, count, offset, flags, error in
    request(handle, error) { try Requests.write($0, buffer, count, offset, flags) }
  }
  description.flush = { _, handle, _, error in request(handle, error) { try $0.flush() } }
  description.trim = { _, handle, count, offset, flags, error in
    request(handle, error) { try Requests.trim($0, count, offset, flags) }
  }
  description.zero = { _, handle, count, offset, flags, error in
    request(handle, error) { try Requests.zero($0, count, offset, flags) }
  }
  description.cache = { _, handle, count, offset, _, error in
    request(handle, error) { try Requests.cache($0, count, offset) }
  }
  description.extents = { _, handle, count, offset, flags, list, error in
    request(handle, error) { try Requests.extents($0, count, offset, flags, into: list) }
  }
}

@inline(__always)
private func request(
  _ handle: UnsafeMutableRawPointer?, _ number: UnsafeMutablePointer<Int32>?, _ body: (any Connection) throws -> Void
) -> Int32 {
  do {
    guard let connection = connection(handle) else { return -1 }
    try body(connection)
    return 0
  } catch {
    number?.pointee = report(error)
    return -1
  }
}

private func succeeded(_ body: () throws -> Void) -> Int32 {
  do {
    try body()
    return 0
  } catch {
    _ = report(error)
    return -1
  }
}
