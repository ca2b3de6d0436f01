/// A Swift type that nbdkit can load as a filter, which stands before a plugin or another filter.
///
/// The order in which nbdkit calls a filter is the one of nbdkit-filter(3): `init`, `configure` for each parameter,
/// `configurationComplete`, `getReady`, the fork into the background, `afterFork`, then connections, `cleanup`. As of a
/// `Plugin`, up to the fork there is one thread, and from `afterFork` on the value no longer changes. A filter takes
/// requests from any number of threads.
public protocol Filter: Sendable {
  /// What nbdkit shows of the filter.
  static var information: FilterInformation { get }

  init()

  /// One `key=value` of the command line.
  /// - Returns: false if it is not the filter's: it is handed on.
  mutating func configure(key: String, value: ParameterValue) throws -> Bool
  /// All parameters have been seen.
  mutating func configurationComplete() throws
  /// The last call before nbdkit forks: the place to open files.
  mutating func getReady() throws
  /// The first call in the serving process: the place to start threads.
  mutating func afterFork() throws
  /// What is offered beside the plugin's own exports.
  func listExports(readOnly: Bool) throws -> [Export]
  /// A client wants to connect to an export.
  /// - Returns: which one of the plugin's to open for it.
  func nextExport(readOnly: Bool, exportName: [UInt8]) throws -> NextExport
  /// A client connects, and what `nextExport` said is open.
  func open(over next: NextConnection, readOnly: Bool, exportName: [UInt8]) throws -> any Connection
  /// All connections are closed and the server is about to end.
  func cleanup()
}

/// What nbdkit shows of a filter.
public struct FilterInformation: Sendable {
  public var name: String
  public var longName: String
  public var description: String
  /// The parameters, a line each, as `nbdkit --filter=FILTER PLUGIN --help` prints them.
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
