import ArgumentParser
import Glibc
import Synchronization
import SystemPackage
import Verification

/// `virt-bmap verify DISK … MAP`: proves a map against its disks.
struct VerifyCommand: AsyncParsableCommand, ErrorStatus, UsesAppliance {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap verify",
    abstract: "Prove a map: read every file in the guest, rebuild it from the map and the disk, and compare.",
    usage: """
      virt-bmap verify [-f FORMAT] [--sector-size 512|4096] [--key DEVICE:key:KEY|DEVICE:file:FILE] [--json] [-q] [-v] [-x] DISK ... MAP
      virt-bmap verify [--key DEVICE:key:KEY|DEVICE:file:FILE] [--json] [-q] [-v] [-x] [-c URI] -d DOMAIN MAP
      """,
    discussion: """
      A line for each file or directory of which the map is wrong, and for each filesystem how many files are proved, \
      excepted (those of which the filesystem says that their bytes are stored in another form or elsewhere, or cannot be \
      read) and wrong. What is kept more than once has to be right in each copy.

      Exit status: 0 if nothing is wrong, 1 if something is, 2 if the map or a part of it could not be verified.
      """)

  /// What errors of this command end with; 1 says that the map is wrong.
  static let errorStatus: Int32 = 2

  @Argument(help: "The disks, in the order of the map, and the map.", completion: .file())
  var names: [String] = []

  @OptionGroup var sourceOptions: SourceOptions

  @OptionGroup var diskOptions: DiskOptions

  @OptionGroup var keyOptions: KeyOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(name: .shortAndLong, help: "Print what is wrong, warnings and errors only.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Print excepted files too, and messages of libguestfs and nbdkit.")
  var verbose = false

  @Flag(name: .short, help: "Trace libguestfs calls.")
  var x = false

  @Flag(help: "Print messages though standard output is not a terminal, and no progress bar.")
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
      try print(VerificationDocument(result, findings.withLock { $0 }).text)
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

/// The result does not arrive.
struct VerifyOutputError: Error, CustomStringConvertible {
  let description: String
}
