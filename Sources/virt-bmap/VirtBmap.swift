import ArgumentParser
import Glibc

/// The program's version, as `-V` and the man page give it.
let version = "0.1.0"

/// `virt-bmap DISK` maps a disk; `virt-bmap lookup MAP` asks a map.
struct VirtBmap: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap",
    abstract: "Find out which bytes of a virtual disk belong to which file, directory, partition or volume.",
    subcommands: [MapCommand.self],
    defaultSubcommand: MapCommand.self)
}

@main
enum Main {
  static func main() async {
    Interruption.install()
    do {
      var command = try VirtBmap.parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      finish(error)
    }
    Interruption.finish()
  }

  /// Errors of the program's own are one line and status 1; ArgumentParser knows about help, usage and exit codes.
  private static func finish(_ error: any Error) -> Never {
    Interruption.finish()
    guard VirtBmap.exitCode(for: error) == .failure, !(error is ExitCode) else {
      if error is ExitCode { VirtBmap.exit(withError: error) }
      usage(error)
    }
    Messages.error(String(describing: error))
    exit(1)
  }

  private static func usage(_ error: any Error) -> Never {
    guard VirtBmap.exitCode(for: error) == .validationFailure else { VirtBmap.exit(withError: error) }
    Messages.write(VirtBmap.fullMessage(for: error) + "\n", to: 2)
    exit(1)
  }
}
