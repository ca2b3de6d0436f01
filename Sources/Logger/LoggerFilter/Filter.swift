import NBDKit

@_cdecl("filter_init")
public func filterInit() -> UnsafeMutableRawPointer { register(LoggerFilter.self) }
