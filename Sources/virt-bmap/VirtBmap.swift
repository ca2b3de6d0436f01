import Appliance
import ArgumentParser
import CLinux
import Glibc

/// `virt-bmap DISK` maps a disk; `virt-bmap COMMAND …` does something else with a map or a disk.
@main
enum VirtBmap {
  static func main() async {
    StandardDescriptors.fill()
    // Commands run on another thread than the main one. glibc would reserve 128 MiB of addresses for its memory, and be
    // very slow if a limit (ulimit -v) does not allow that.
    _ = clinux_limit_arenas(1)
    var arguments = ArgumentBytes.arguments()
    guard !Completions.print(for: arguments) else { return }
    let named = arguments.first.flatMap { Subcommands.type(named: $0) }
    let type = named ?? MapCommand.self
    if type == LookupCommand.self { arguments = LookupCommand.arguments(arguments) }
    // Commands that start an appliance have to clean up; the first signal ends all other commands, as usual.
    do {
      if type is any UsesAppliance.Type {
        // If no thread can be created, the first task would wait for one forever.
        try ProcessLimits.check()
        Interruption.install()
      }
      var command = try type.parseAsRoot(named == nil ? arguments : Array(arguments.dropFirst()))
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      finish(error, of: type)
    }
    Interruption.finish()
  }

  /// The parser prints help, and an `ExitCode` needs no message: both end the program with their own status. Everything
  /// else is one line on standard error.
  private static func finish(_ error: any Error, of type: any ParsableCommand.Type) -> Never {
    Interruption.finish()
    switch type.exitCode(for: error) {
    case .success: type.exit(withError: error)
    case .failure where !(error is ExitCode): Messages.error(String(describing: error))
    case .validationFailure:
      Messages.error("\(type.message(for: error)) (see \(type._commandName) --help)")
    default: type.exit(withError: error)
    }
    exit((type as? any ErrorStatus.Type)?.errorStatus ?? 1)
  }
}

/// A command whose errors end the program with a status other than 1.
protocol ErrorStatus {
  static var errorStatus: Int32 { get }
}

/// A command that starts an appliance, which must be cleaned up however the command ends.
protocol UsesAppliance {}
