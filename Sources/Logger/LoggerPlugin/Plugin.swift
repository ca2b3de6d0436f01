import NBDKit

@_cdecl("plugin_init")
public func pluginInit() -> UnsafeMutableRawPointer { register(LoggerPlugin.self) }
