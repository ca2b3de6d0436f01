import Appliance
import ArgumentParser
import BlockMap
import Glibc
import Mapping
import SystemPackage
import Version

/// `virt-bmap DISK …`: maps a guest's disks.
struct MapCommand: AsyncParsableCommand, UsesAppliance {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap",
    abstract: "Find out which bytes of a virtual disk belong to which file, directory, partition or volume.",
    usage: """
      virt-bmap [OPTION ...] DISK ...
      virt-bmap [OPTION ...] [-c URI] -d DOMAIN
      virt-bmap lookup MAP [OPTION ...]
      virt-bmap verify DISK ... MAP [OPTION ...]
      virt-bmap info DISK ... [OPTION ...]
      virt-bmap summary MAP [OPTION ...]
      virt-bmap affected MAP LIST [OPTION ...]
      virt-bmap changed SNAPSHOT [OPTION ...]
      virt-bmap changed OLD NEW [OPTION ...]
      virt-bmap free MAP [DISK ...] [OPTION ...]
      virt-bmap diff MAP MAP [OPTION ...]
      virt-bmap export MAP [OPTION ...]
      virt-bmap boot DISK ... [OPTION ...] [-- QEMU-OPTION ...]
      virt-bmap top LOG
      virt-bmap help [COMMAND]
      """,
    discussion: """
      Without a command, virt-bmap maps the disks of a guest. The map is a text file with a line for each range: disk, \
      start, end, kind, device and path. If a guest has several disks, name all of them in the guest's order.

      Commands:
      \(Subcommands.list)

      Exit status: 0 if the map was written, 3 if it was written but something could not be examined, 1 on errors.
      """)

  @Argument(help: "Disk images, block devices or NBD URIs (nbd://..., nbd+unix://...).", completion: .file())
  var disk: [String] = []

  @Option(name: .shortAndLong, help: "File to write the map to, or - for standard output.", completion: .file())
  var output = "bmap"

  @Option(
    help: ArgumentHelp(
      "Maximum size of the map in bytes. The suffixes k, M, G and T are powers of 1024.", valueName: "N"))
  var maxMapSize = ByteCount(value: MapRequest.usualMapBytes)

  @OptionGroup var sourceOptions: SourceOptions

  @OptionGroup var diskOptions: DiskOptions

  @OptionGroup var methodOptions: MethodOptions

  @OptionGroup var keyOptions: KeyOptions

  @Flag(name: .shortAndLong, help: "Print only warnings and errors.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Print messages from libguestfs and nbdkit, and name files that cannot be read.")
  var verbose = false

  @Flag(name: .short, help: "Trace libguestfs calls.")
  var x = false

  @Flag(
    help: """
      Without a disk, print what this version can do and exit. With a disk, print messages even if standard output is \
      not a terminal, and show no progress bar.
      """)
  var machineReadable = false

  @Flag(name: [.customShort("V"), .customLong("version")], help: "Show the version.")
  var showVersion = false

  func run() async throws {
    if showVersion { return Messages.line("virt-bmap \(version)", to: 1) }
    let isTerminal = isatty(1) == 1
    // Messages must not get into the map.
    let isQuiet = quiet || output == "-"
    let reporter = TerminalReporter(
      showsMessages: !isQuiet && (isTerminal || machineReadable || verbose), showsDetails: verbose,
      showsProgress: !isQuiet && isTerminal && !machineReadable && !verbose && !x)
    let sources = try sourceOptions.sources(disk, reporter: reporter)
    guard !sources.isEmpty else {
      guard machineReadable else { throw ValidationError("no disk is given") }
      return printCapabilities()
    }
    guard sources.count <= MapRequest.maximumDisks else {
      throw ValidationError("more than \(MapRequest.maximumDisks) disks")
    }
    var request = MapRequest(disks: sources, output: outputPath(output))
    request.options = diskOptions.openOptions
    request.method = methodOptions.mapMethod
    request.keys = try keyOptions.keys()
    request.maximumMapBytes = maxMapSize.value
    request.isVerbose = verbose
    request.isTraced = x
    let findings = try await mapDisk(request, reporter: reporter) { Interruption.hasHappened }
    report(findings, to: reporter)
    if findings.isPartial { throw ExitCode(Self.partial) }
  }

  /// The exit status if the map was written but not everything could be examined.
  private static let partial: Int32 = 3

  private func report(_ findings: Findings, to reporter: TerminalReporter) {
    if findings.unreadable > 0 {
      let hint = verbose ? "" : " (-v names them)"
      reporter.warning("\(findings.unreadable) files and directories could not be read\(hint)")
    }
    reporter.message([
      "successfully examined \(findings.partitions) partitions, \(findings.logicalVolumes) logical volumes,",
      "\(findings.filesystems) filesystems, \(findings.directories) directories, \(findings.files) files",
    ])
    reporter.detail(
      "appliance launched in \(rounded(findings.launchSeconds)) s, walked in \(rounded(findings.walkSeconds)) s")
    reporter.message("output written to \(outputName)")
    reporter.message(findings.space.summary)
  }

  private func rounded(_ seconds: Double) -> Double { (seconds * 100).rounded() / 100 }

  /// The full name of the output, for a message.
  private var outputName: String {
    let path = outputPath(output)
    let full = path.withPlatformString { realpath($0, nil) }
    defer { free(full) }
    return Escaping.text((full.map { FilePath(platformString: $0) } ?? path).bytes, as: .path)
  }

  private func printCapabilities() {
    let formats = ImageFormat.allCases.map { "input-format=\($0.rawValue)" }
    let inputs = ["several-disks", "input=nbd", "input=libvirt", "key"]
    let features = ["virt-bmap", "map-format=2"] + formats + inputs + Subcommands.features
    Messages.lines(features, to: 1)
  }
}
