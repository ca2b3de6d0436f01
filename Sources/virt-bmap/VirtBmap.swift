import Appliance
import ArgumentParser
import Glibc

/// `virt-bmap DISK` maps a disk; `virt-bmap COMMAND …` does something with a map, or something else with a disk.
@main
enum VirtBmap {
  static func main() async {
    StandardDescriptors.fill()
    let arguments = ArgumentBytes.arguments()
    guard !Completions.print(for: arguments) else { return }
    let named = arguments.first.flatMap { Subcommands.type(named: $0) }
    let type = named ?? MapCommand.self
    // What starts an appliance leaves things to put away; other commands end by the first signal, as any program does.
    do {
      if type is any UsesAppliance.Type {
        // Without a thread, the first task would wait for one without end.
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

  /// What was printed already, help among it, ends the program as it says; everything else is one line on standard error.
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

/// A command that starts an appliance, which has to be put away however the command ends.
protocol UsesAppliance {}
