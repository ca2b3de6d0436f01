/// A Swift type that nbdkit can load as a filter, in front of a plugin or another filter.
///
/// nbdkit calls a filter in the order of nbdkit-filter(3): `init`, `configure` for each parameter,
/// `configurationComplete`, `getReady`, the fork into the background, `afterFork`, then connections, `cleanup`. As with
/// a `Plugin`, there is one thread until the fork, and the value does not change after `afterFork`. Any number of
/// threads can call a filter's connections at a time.
public protocol Filter: Sendable {
  /// What nbdkit shows about the filter.
  static var information: FilterInformation { get }

  init()

  /// Handles one `key=value` of the command line.
  /// - Returns: false if the parameter is not for the filter; it is then passed on.
  mutating func configure(key: String, value: ParameterValue) throws -> Bool
  /// Called after all parameters.
  mutating func configurationComplete() throws
  /// The last call before nbdkit forks: open files here.
  mutating func getReady() throws
  /// The first call in the serving process: start threads here.
  mutating func afterFork() throws
  /// Exports offered in addition to the plugin's own.
  func listExports(readOnly: Bool) throws -> [Export]
  /// A client wants to connect to an export.
  /// - Returns: the plugin's export to open for this client.
  func nextExport(readOnly: Bool, exportName: [UInt8]) throws -> NextExport
  /// A client connects. The plugin's export that `nextExport` returned is open.
  func open(over next: NextConnection, readOnly: Bool, exportName: [UInt8]) throws -> any Connection
  /// All connections are closed, and the server is about to exit.
  func cleanup()
}

/// What nbdkit shows about a filter.
public struct FilterInformation: Sendable {
  public var name: String
  public var longName: String
  public var description: String
  /// The parameters, one per line, as `nbdkit --filter=FILTER PLUGIN --help` prints them.
  public var configHelp: String

  public init(name: String, longName: String, description: String, configHelp: String) {
    self.name = name
    self.longName = longName
    self.description = description
    self.configHelp = configHelp
  }
}

/// How a filter opens the plugin for a connection.
public struct NextExport: Sendable {
  public var readOnly: Bool
  public var name: [UInt8]

  public init(readOnly: Bool, name: [UInt8]) {
    self.readOnly = readOnly
    self.name = name
  }
}
