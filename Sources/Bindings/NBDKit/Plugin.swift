/// A Swift type that nbdkit can load as a plugin.
///
/// nbdkit calls a plugin in the order of nbdkit-plugin(3): `init`, `configure` for each parameter,
/// `configurationComplete`, `getReady`, the fork into the background, `afterFork`, then connections, `cleanup`. There
/// is one thread until the fork; start no thread and no queue before `afterFork`. The value does not change after
/// `afterFork`, so connections can use it from any thread.
///
/// Errors that are thrown are reported with `nbdkit_error`: the description is the message, and the NBD client gets
/// `ErrnoError.errnoValue`.
public protocol Plugin: Sendable {
  /// What nbdkit shows about the plugin, and how nbdkit can call it.
  static var information: PluginInformation { get }

  init()

  /// Handles one `key=value` of the command line.
  mutating func configure(key: String, value: ParameterValue) throws
  /// Called after all parameters.
  mutating func configurationComplete() throws
  /// The last call before nbdkit forks: open files here.
  mutating func getReady() throws
  /// The first call in the serving process: start threads here.
  mutating func afterFork() throws
  /// The exports for a client that asks for a list.
  func listExports(readOnly: Bool, isTLS: Bool) throws -> [Export]
  /// A client connects. `exportName` is what it asked for, empty for the default export.
  func open(readOnly: Bool, exportName: [UInt8]) throws -> any Connection
  /// All connections are closed, and the server is about to exit.
  func cleanup()
  /// Additional `key=value` lines for `nbdkit --dump-plugin`.
  static var dumpFields: [(key: String, value: String)] { get }
}

extension Plugin {
  public mutating func configurationComplete() throws {}
  public mutating func getReady() throws {}
  public mutating func afterFork() throws {}
  public func listExports(readOnly: Bool, isTLS: Bool) throws -> [Export] { [Export(name: [], description: "")] }
  public func cleanup() {}
  public static var dumpFields: [(key: String, value: String)] { [] }
}

/// How nbdkit can call a plugin from several threads; see "Threads" in nbdkit-plugin(3).
public enum ThreadModel: Int32, Sendable {
  /// One connection at a time.
  case serializeConnections = 0
  /// One request at a time over all connections.
  case serializeAllRequests = 1
  /// One request at a time on each connection.
  case serializeRequests = 2
  /// Any number of requests at a time.
  case parallel = 3
}

/// What nbdkit shows about a plugin, and how nbdkit can call it.
public struct PluginInformation: Sendable {
  public var name: String
  public var longName: String
  public var version: String
  public var description: String
  /// The parameters, one per line, as `nbdkit PLUGIN --help` prints them.
  public var configHelp: String
  /// The key of a parameter that is given without `key=`.
  public var magicConfigKey: String?
  public var threadModel: ThreadModel

  public init(
    name: String, longName: String, version: String, description: String, configHelp: String,
    magicConfigKey: String? = nil, threadModel: ThreadModel
  ) {
    self.name = name
    self.longName = longName
    self.version = version
    self.description = description
    self.configHelp = configHelp
    self.magicConfigKey = magicConfigKey
    self.threadModel = threadModel
  }
}

/// One entry of the server's list of exports.
public struct Export: Sendable {
  /// The name that a client asks for: any bytes but NUL.
  public var name: [UInt8]
  public var description: String

  public init(name: [UInt8], description: String) {
    self.name = name
    self.description = description
  }
}
