/// A Swift type that nbdkit can load as a plugin.
///
/// The order in which nbdkit calls a plugin is the one of nbdkit-plugin(3): `init`, `configure` for each parameter,
/// `configurationComplete`, `getReady`, the fork into the background, `afterFork`, then connections, `cleanup`.
/// Up to the fork there is one thread; start no thread and no queue before `afterFork`. From `afterFork` on the
/// value no longer changes, so connections may use it from any thread.
///
/// Whatever is thrown is reported with `nbdkit_error`; its description is the message, its `ErrnoError.errno` what
/// the NBD client gets.
public protocol Plugin: Sendable {
  /// What nbdkit shows of the plugin, and how it may call it.
  static var information: PluginInformation { get }

  init()

  /// One `key=value` of the command line.
  mutating func configure(key: String, value: ParameterValue) throws
  /// All parameters have been seen.
  mutating func configurationComplete() throws
  /// The last call before nbdkit forks: the place to open files.
  mutating func getReady() throws
  /// The first call in the serving process: the place to start threads.
  mutating func afterFork() throws
  /// What the server offers to a client that asks for a list.
  func listExports(readOnly: Bool, isTLS: Bool) throws -> [Export]
  /// A client connects. `exportName` is what it asked for, empty for the default export.
  func open(readOnly: Bool, exportName: [UInt8]) throws -> any Connection
  /// All connections are closed and the server is about to end.
  func cleanup()
  /// Further `key=value` lines for `nbdkit --dump-plugin`.
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

/// How nbdkit may call a plugin from several threads, from nbdkit-plugin(3), "Threads".
public enum ThreadModel: Int32, Sendable {
  /// One connection at a time.
  case serializeConnections = 0
  /// One request at a time over all connections.
  case serializeAllRequests = 1
  /// One request at a time in each connection.
  case serializeRequests = 2
  /// Any number of requests at a time.
  case parallel = 3
}

/// What nbdkit shows of a plugin, and how it may call it.
public struct PluginInformation: Sendable {
  public var name: String
  public var longName: String
  public var version: String
  public var description: String
  /// The parameters, a line each, as `nbdkit PLUGIN --help` prints them.
  public var configHelp: String
  /// The key that a parameter without `key=` belongs to.
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

/// One export of the server's list.
public struct Export: Sendable {
  /// The name a client asks for: any bytes but NUL.
  public var name: [UInt8]
  public var description: String

  public init(name: [UInt8], description: String) {
    self.name = name
    self.description = description
  }
}
