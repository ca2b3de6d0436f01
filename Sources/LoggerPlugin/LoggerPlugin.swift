import AccessLog
import BlockMap
import DiskImage
import DiskOverlay
import Glibc
import NBDKit
import SystemPackage

/// `nbdkit bmaplogger [file=]DISK [bmap=MAP] [format=raw|vmdk] [logfile=FILE] [allow-external=BOOL] …`: serves a disk,
/// which is never written, and writes down which objects of it are touched.
struct LoggerPlugin: Plugin {
  static let information = PluginInformation(
    name: "bmaplogger",
    longName: "virt-bmap logger",
    version: "0.1.0",
    description: "Serve a disk and log which files, directories and partitions are touched.",
    configHelp: """
      [file=]DISK          (required) The disk to serve.
      bmap=MAP             The block map of the disk, from virt-bmap. Default: the
                           file "bmap" in the current directory. bmap=none logs
                           ranges alone.
      format=FORMAT        raw or vmdk. Default: vmdk if the name ends in .vmdk, else
                           raw. Every kind of VMDK is read, snapshots too.
      logfile=FILE         Where the log goes, which is overwritten. Default: "-",
                           standard output.
      logformat=FORMAT     text or json, which is a line for each request.
                           Default: text.
      offsets=BOOL         Say in a text log where in its file each range is.
                           Default: false.
      filter=KIND,...      Log only what is named after these kinds of objects: v p
                           l d f m s b r, as in the map.
      only=PATTERN         Log only what is named after files and directories whose
                           path matches this pattern of a shell's.
      overlay=temp         Let clients write: to a temporary file, not to the disk.
      overlay=FILE         The same, to a file that is kept, and taken up again.
      overlay=FILE.vmdk    The same, to a VMDK snapshot of the disk, which has to be
                           a VMDK.
      allow-external=BOOL  Let a VMDK name files outside its own directory, and
                           devices. Default: false.
      ignore-cid=BOOL      Read a snapshot although its parent was changed after it
                           was taken. Default: false.
      ignore-journal=BOOL  Read an seSparse disk although its journal was not
                           replayed. Default: false.
      """,
    magicConfigKey: "file",
    threadModel: .parallel)

  static let dumpFields = [
    (key: "bmaplogger_formats", value: DiskFormat.allCases.map(\.rawValue).joined(separator: " ")),
    (
      key: "bmaplogger_vmdk_types",
      value: "monolithicSparse monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat streamOptimized vmfs vmfsThin "
        + "vmfsSparse seSparse vmfsRaw vmfsRDM vmfsRDMP fullDevice partitionedDevice custom"
    ),
    (
      key: "bmaplogger_operations",
      value: Operation.allCases.map(\.word).joined(separator: " ")
    ),
    (key: "bmaplogger_logformats", value: LogParameters.Format.allCases.map(\.rawValue).joined(separator: " ")),
  ]

  private static let defaultMap: FilePath = "bmap"

  private var parameters = Parameters()
  private var disk: (any VirtualDisk)?
  private var overlay: (any Overlay)?
  private var index: MapIndex?
  private var form: (any LogForm)?
  private var output: LogFile?
  private var log: AccessLog?

  mutating func configure(key: String, value: ParameterValue) throws {
    try parameters.set(key: key, value: value)
  }

  mutating func configurationComplete() throws {
    guard parameters.file != nil else { throw PluginError(errno: .invalid, "give the disk to serve: file=DISK") }
    guard parameters.log.file != nil || Host.standardStreamsAreFree else {
      throw PluginError(
        errno: .invalid, "standard output is the client's connection: say where the log goes with logfile=FILE")
    }
  }

  mutating func getReady() throws {
    guard let file = parameters.file else { return }
    let opened = try openDisk(at: file, format: parameters.format, options: parameters.options)
    for warning in opened.warnings { Log.error(warning) }
    disk = opened.disk
    var inputs = opened.files
    if let map = try findMap() {
      let loaded = try BlockMap(contentsOf: map)
      if let size = loaded.size(ofDisk: 1), size != opened.disk.size {
        throw PluginError(
          errno: .invalid,
          "\(map): the map is of a disk of \(size) bytes, but \(file) has \(opened.disk.size) bytes")
      }
      index = MapIndex(loaded)
      inputs.append(map)
    }
    var written = WrittenRanges()
    if let parameter = parameters.overlay {
      let (overlay, warning) = try parameter.open(over: opened.disk, files: opened.files, chain: opened.chain)
      if let warning { Log.error(warning) }
      if case .file(let file) = parameter { inputs.append(file) }
      overlay.forEachWrittenRange { written.insert($0, disk: 1) }
      self.overlay = overlay
    }
    form = try parameters.log.form(index, written: written)
    // Last, so that a log of an earlier run is overwritten only when there will be a new one.
    output = try LogFile(parameters.log.file, butNot: inputs)
  }

  mutating func afterFork() throws {
    guard let output, let form else { return }
    log = try AccessLog(target: output, form: form) { Log.error($0) }
  }

  func open(readOnly: Bool, exportName: [UInt8]) throws -> any Connection {
    guard let disk, let log else { throw PluginError(errno: .inputOutput, "the disk is not open") }
    return LoggedDisk(disk: disk, overlay: overlay, log: log, number: log.countConnection())
  }

  func cleanup() {
    log?.close()
    do { try overlay?.close() } catch { Log.error("\(error)") }
  }

  /// The map that was named or, if none was, the one where virt-bmap puts it; nil if there is to be none.
  private func findMap() throws -> FilePath? {
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
}
