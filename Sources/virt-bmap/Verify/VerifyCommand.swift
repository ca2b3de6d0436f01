import ArgumentParser
import Glibc
import Synchronization
import SystemPackage
import Verification

/// `virt-bmap verify DISK … MAP`: checks a map against its disks.
struct VerifyCommand: AsyncParsableCommand, ErrorStatus, UsesAppliance {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap verify",
    abstract: "Check a map against the disk, file by file.",
    usage: """
      virt-bmap verify [OPTION ...] DISK ... MAP
      virt-bmap verify [OPTION ...] [-c URI] -d DOMAIN MAP
      """,
    discussion: """
      Every file is read in the guest, rebuilt from the map and the disk, and compared. virt-bmap prints a line for \
      each file or directory that the map has wrong, and for each filesystem how many files are proved, excepted and \
      wrong. A file is excepted if the filesystem stores its bytes in another form or in its metadata, or if it cannot \
      be read. If data is stored more than once, each copy has to be right.

      Exit status: 0 if nothing is wrong, 1 if something is wrong, 2 if the map or a part of it could not be checked.
      """)

  /// The exit status for errors of this command; 1 means that the map is wrong.
  static let errorStatus: Int32 = 2

  @Argument(help: "The disks in the order of the map, then the map.", completion: .file())
  var names: [String] = []

  @OptionGroup var sourceOptions: SourceOptions

  @OptionGroup var diskOptions: DiskOptions

  @OptionGroup var keyOptions: KeyOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print only what is wrong, warnings and errors.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Name excepted files too, and print messages from libguestfs and nbdkit.")
  var verbose = false

  @Flag(name: .short, help: "Trace libguestfs calls.")
  var x = false

  @Flag(help: "Print messages even if standard output is not a terminal, and show no progress bar.")
  var machineReadable = false

  func run() async throws {
    let isTerminal = isatty(1) == 1
    let reporter = TerminalReporter(
      showsMessages: !quiet && !json && (isTerminal || machineReadable || verbose), showsDetails: verbose,
      showsProgress: !quiet && !json && isTerminal && !machineReadable && !verbose && !x)
    let sources = try sourceOptions.sources(names.dropLast(), reporter: reporter)
    guard let map = names.last, !sources.isEmpty else { throw ValidationError("give a disk and its map") }
    var request = VerifyRequest(disks: sources, map: filePath(map))
    request.keys = try keyOptions.keys()
    request.options = diskOptions.openOptions
    request.isVerbose = verbose
    request.isTraced = x
    let findings = Mutex<[Verification.Finding]>([])
    let result = try await verifyMap(
      request, reporter: reporter, isCancelled: { Interruption.hasHappened },
      found: { finding in
        if json {
          findings.withLock { $0.append(finding) }
        } else if finding.isWrong || verbose {
          reporter.clear()
          Messages.write(Messages.printable(answer: finding.line), to: 1)
        }
      })
    if json {
      try print(JSONLine.of(VerificationDocument(result, findings.withLock { $0 })))
    } else if !quiet {
      try print(Messages.printable(answer: Array(result.summary.utf8)))
    }
    if result.wrong > 0 { throw ExitCode(1) }
    if result.isIncomplete { throw ExitCode(2) }
  }

  private func print(_ text: [UInt8]) throws {
    do {
      _ = try FileDescriptor.standardOutput.writeAll(text)
    } catch let error as Errno {
      throw VerifyOutputError(description: "standard output: \(error)")
    }
  }
}

/// The result cannot be written.
struct VerifyOutputError: Error, CustomStringConvertible {
  let description: String
}
