import AccessLog
import DiskImage
import DiskLogger
import NBDKit
import Version

/// `nbdkit bmaplogger [file=]DISK… [bmap=MAP] [format=raw|vmdk] [logfile=FILE] [allow-external=BOOL] …`: serves disks,
/// which are never written, and logs which objects are touched.
struct LoggerPlugin: Plugin {
  static let information = PluginInformation(
    name: "bmaplogger",
    longName: "virt-bmap logger",
    version: version,
    description: "Serve a disk and log which files, directories and partitions are touched.",
    configHelp: """
      [file=]DISK          (required) Disk to serve. Give all disks in the order of the
                           map.
      format=FORMAT        raw or vmdk. Default: vmdk if the name ends in .vmdk,
                           otherwise raw. All kinds of VMDK are supported.

      """ + LoggerParameters.help + """
        overlay=FILE.vmdk    Allow writes. They go to a VMDK snapshot of the disk, which
                             must be a VMDK.
        allow-external=BOOL  Allow a VMDK to name devices and files outside its own
                             directory. Default: false.
        ignore-cid=BOOL      Read a snapshot even if its parent has changed since it was
                             taken. Default: false.
        ignore-journal=BOOL  Read an seSparse disk even if its journal has not been
                             replayed. Default: false.
        """,
    magicConfigKey: "file",
    threadModel: .parallel)

  static let dumpFields = [
    (key: "bmaplogger_formats", value: DiskFormat.allCases.map(\.rawValue).joined(separator: " ")),
    (key: "bmaplogger_vmdk_types", value: CreateType.names.joined(separator: " ")),
    (
      key: "bmaplogger_operations",
      value: Operation.allCases.map(\.word).joined(separator: " ")
    ),
    (key: "bmaplogger_logformats", value: LogParameters.Format.allCases.map(\.rawValue).joined(separator: " ")),
  ]

  private var parameters = PluginParameters()
  private var disks: [any VirtualDisk] = []
  private var overlays = Overlays()
  private var session: LogSession?

  mutating func configure(key: String, value: ParameterValue) throws {
    try parameters.set(key: key, value: value)
  }

  mutating func configurationComplete() throws {
    guard !parameters.files.isEmpty else {
      throw PluginError(errno: .invalid, "give the disk to serve: file=DISK")
    }
    try parameters.logger.check()
  }

  mutating func getReady() throws {
    var opened: [OpenedDisk] = []
    for (index, file) in parameters.files.enumerated() {
      guard !parameters.files[..<index].contains(where: { isSameFile($0, file) }) else {
        throw PluginError(errno: .invalid, "\(file): this disk is given twice")
      }
      let disk = try openDisk(at: file, format: parameters.format, options: parameters.options)
      for warning in disk.warnings { Log.error(warning) }
      if let image = disk.seemsToBe { Log.error("\(file): \(image.explanation): \(Self.advice(image))") }
      opened.append(disk)
    }
    disks = opened.map(\.disk)
    var session = try LogSession(parameters.logger, disks: 1...max(1, opened.count))
    for (index, disk) in opened.enumerated() {
      try session.check(size: disk.disk.size, ofDisk: index + 1, "\(parameters.files[index])")
    }
    overlays = try Overlays(
      parameters.logger, over: opened.map { Overlays.Base($0.disk, files: $0.files, chain: $0.chain) })
    try session.openLog(inputs: opened.flatMap(\.files))
    self.session = session
  }

  /// Advice for the user if a raw disk turns out to be an image.
  private static func advice(_ image: ImageMagic) -> String {
    DiskFormat(rawValue: image.format) == nil
      ? "if it is one, serve it by qemu-nbd --format \(image.format) and log it with the filter"
      : "if it is one, give format=\(image.format)"
  }

  mutating func afterFork() throws { try session?.start(overlays) }

  func listExports(readOnly: Bool, isTLS: Bool) throws -> [Export] { session?.list ?? [] }

  func open(readOnly: Bool, exportName: [UInt8]) throws -> any Connection {
    guard let session else { throw PluginError(errno: .inputOutput, "the disk is not open") }
    return try session.connection(to: exportName) { number in
      overlays.connection(to: disks[number - 1], index: number - 1)
    }
  }

  func cleanup() {
    session?.close()
    overlays.close()
  }
}
