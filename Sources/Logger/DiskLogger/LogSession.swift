import AccessLog
import BlockMap
import DiskExports
import Glibc
public import NBDKit
public import SystemPackage

/// The map, the log, and what clients can connect to: what the plugin and the filter have in common.
///
/// In order: `init` reads the map, `openLog` opens the log's file, `start` begins to write it. After that the value no
/// longer changes, and connections may be made from any thread.
public struct LogSession: Sendable {
  private static let defaultMap: FilePath = "bmap"

  private let parameters: LoggerParameters
  private let mapFile: FilePath?
  private let index: MapIndex?
  /// The numbers of the disks that are served.
  private let disks: ClosedRange<Int>
  private let exports: ExportTable
  private var output: LogFile?
  private var log: AccessLog?

  /// - Parameters:
  ///   - disks: the numbers in the map of the disks that are served, from 1 on.
  /// - Throws: there is no map where one is wanted, it is none, or it has fewer disks.
  public init(_ parameters: LoggerParameters, disks: ClosedRange<Int>) throws {
    self.parameters = parameters
    self.disks = disks
    mapFile = try Self.findMap(parameters)
    index = try mapFile.map { MapIndex(try BlockMap(contentsOf: $0)) }
    if let mapFile, let map = index?.map, !map.disks.isEmpty, map.disks.count < disks.upperBound {
      throw PluginError(
        errno: .invalid, "\(mapFile): the map is of \(map.disks.count) disks, and has no disk \(disks.upperBound)")
    }
    exports = ExportTable(map: index?.map, disks: disks)
  }

  /// The map that was named or, if none was, the one where virt-bmap puts it; nil if there is to be none.
  private static func findMap(_ parameters: LoggerParameters) throws -> FilePath? {
    switch parameters.map {
    case .none: return nil
    case .file(let map): return map
    case .unspecified:
      guard Self.defaultMap.withPlatformString({ access($0, F_OK) }) == 0 else {
        throw PluginError(
          errno: .invalid,
          "there is no file \"bmap\" in the current directory: give the block map with bmap=MAP, or bmap=none")
      }
      return Self.defaultMap
    }
  }

  /// Sees whether a disk is of the size, in bytes, that the map says.
  /// - Parameter name: the disk's, for the message.
  public func check(size: UInt64, ofDisk disk: Int, _ name: String) throws {
    guard let mapFile, let wanted = index?.map.size(ofDisk: disk), wanted != size else { return }
    throw PluginError(
      errno: .invalid, "\(mapFile): the map is of a disk of \(wanted) bytes, but \(name) has \(size) bytes")
  }

  /// Opens the log's file, and empties it: when all else is in order, so that a log of an earlier run is overwritten only
  /// when there will be a new one.
  /// - Parameter inputs: files that must not be overwritten; the map and the overlays are so without being named.
  public mutating func openLog(inputs: [FilePath]) throws {
    // Whether the log can have the form that was asked for.
    _ = try parameters.log.form(index, written: WrittenRanges())
    output = try LogFile(parameters.log.file, butNot: inputs + parameters.overlayFiles + [mapFile].compactMap { $0 })
  }

  /// Begins the log's thread.
  public mutating func start(_ overlays: Overlays) throws {
    guard let output else { return }
    var written = WrittenRanges()
    overlays.forEachWrittenRange { written.insert($0, disk: UInt8(clamping: disks.lowerBound + $1)) }
    log = try AccessLog(target: output, form: try parameters.log.form(index, written: written)) { Log.error($0) }
  }

  /// What clients can connect to.
  public var list: [Export] { exports.exports.map { Export(name: $0.name, description: $0.description) } }

  /// Whether there is an export of this name.
  public func hasExport(_ name: [UInt8]) -> Bool { exports[name] != nil }

  /// Whether an export cannot be written, whatever is below it.
  public func isReadOnly(_ name: [UInt8]) -> Bool {
    if case .assembly = exports[name] { true } else { false }
  }

  /// A client's connection.
  /// - Parameters:
  ///   - name: of the export; one that is unknown is an error.
  ///   - disk: what answers for a disk, by its number.
  public func connection(to name: [UInt8], disk: (Int) throws -> any Connection) throws -> any Connection {
    guard let target = exports[name] else {
      throw PluginError(
        errno: .invalid, "there is no export \"\(String(decoding: name, as: UTF8.self))\": see nbdinfo --list")
    }
    guard let log else { throw PluginError(errno: .inputOutput, "the log is not open") }
    let number = log.countConnection()
    let logged = { (disk: any Connection, diskNumber: Int) in
      LoggedConnection(
        disk, log: log, diskNumber: UInt8(clamping: diskNumber), number: number,
        description: exports.description(of: name))
    }
    switch target {
    case .disk(let number): return logged(try disk(number), number)
    case .assembly(let assembly):
      var needed: [Int: any Connection] = [:]
      for number in Set(assembly.parts.map(\.disk)) { needed[number] = logged(try disk(number), number) }
      return try AssembledConnection(assembly, disks: needed, description: exports.description(of: name))
    }
  }

  /// Writes what is left of the log.
  public func close() { log?.close() }
}
