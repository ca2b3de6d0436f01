import ArgumentParser

/// `virt-bmap help [COMMAND]`: prints what `virt-bmap [COMMAND] --help` prints.
struct HelpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap help", abstract: "Show the help of a command.")

  @Argument(help: "The command; without it, the help of virt-bmap itself is shown.")
  var command: String?

  func run() throws {
    guard let command else { throw CleanExit.helpRequest(MapCommand.self) }
    guard let type = Subcommands.type(named: command) else {
      throw ValidationError("there is no command \(command)")
    }
    throw CleanExit.helpRequest(type)
  }
}
