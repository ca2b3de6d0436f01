import ArgumentParser

/// `virt-bmap help [COMMAND]`: prints what `virt-bmap [COMMAND] --help` prints.
struct HelpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap help", abstract: "Show the help of a command.")

  @Argument(help: "The command; without it, the help of virt-bmap itself is shown.")
  var command: String?

  func run() throws {
    guard let type = command.map(Subcommands.type(named:)) ?? MapCommand.self else {
      throw ValidationError("there is no such command: \(command ?? "")")
    }
    guard Messages.write(Array(type.helpMessage().utf8) + [0x0a], to: 1) else { throw ExitCode.failure }
  }
}
