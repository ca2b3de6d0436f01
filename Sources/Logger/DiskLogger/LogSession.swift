import AccessLog
import BlockMap
import DiskExports
import Glibc
public import NBDKit
public import SystemPackage

/// The map, the log and the exports: what the plugin and the filter have in common.
///
/// The order of calls is: `init` reads the map, `openLog` opens the log's file, `start` starts writing it. After that
/// the value does not change, and connections can be made from any thread.
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
  ///   - disks: the numbers in the map of the disks that are served, counted from 1.
  /// - Throws: if a map is needed and there is none, if the file is not a map, or if the map has too few disks.
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

  /// The map that the user named, or else the file `bmap` in the current directory, where virt-bmap puts it by default.
  /// Nil for `bmap=none`.
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

  /// Checks that a disk has the size in bytes that the map records.
  /// - Parameter name: the disk's name, for the message.
  public func check(size: UInt64, ofDisk disk: Int, _ name: String) throws {
    guard let mapFile, let wanted = index?.map.size(ofDisk: disk), wanted != size else { return }
    throw PluginError(
      errno: .invalid, "\(mapFile): the map is of a disk of \(wanted) bytes, but \(name) has \(size) bytes")
  }

  /// Opens and empties the log's file. Call this after all other checks, so that an earlier log is overwritten only if
  /// there will be a new one.
  /// - Parameter inputs: files that must not be overwritten; the map and the overlays need not be listed.
  public mutating func openLog(inputs: [FilePath]) throws {
    try parameters.log.check(index)
    output = try LogFile(parameters.log.file, butNot: inputs + parameters.overlayFiles + [mapFile].compactMap { $0 })
  }

  /// Starts the log's thread.
  public mutating func start(_ overlays: Overlays) throws {
    guard let output else { return }
    var written = WrittenRanges()
    overlays.forEachWrittenRange { written.insert($0, disk: UInt8(clamping: disks.lowerBound + $1)) }
    let attribution = parameters.log.attribution(index, written: written)
    log = try AccessLog(target: output, attribution: attribution, format: parameters.log.logFormat) { Log.error($0) }
  }

  /// The exports for clients that ask for a list.
  public var list: [Export] { exports.exports.map { Export(name: $0.name, description: $0.description) } }

  /// Whether there is an export with this name.
  public func hasExport(_ name: [UInt8]) -> Bool { exports[name] != nil }

  /// Whether an export is always read-only, whatever is below it.
  public func isReadOnly(_ name: [UInt8]) -> Bool {
    if case .device = exports[name] { true } else { false }
  }

  /// Returns a client's connection.
  /// - Parameters:
  ///   - name: the name of the export; an unknown one is an error.
  ///   - disk: returns the connection that answers for a disk, by its number.
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
    case .device(let device):
      var needed: [Int: any Connection] = [:]
      for number in Set(device.parts.map(\.disk)) { needed[number] = logged(try disk(number), number) }
      return try DeviceConnection(device, disks: needed, description: exports.description(of: name))
    }
  }

  /// Writes the rest of the log.
  public func close() { log?.close() }
}
