import ArgumentParser

/// `virt-bmap --generate-completion-script SHELL`: prints the script with which bash, zsh or fish completes virt-bmap's
/// command line.
///
/// ArgumentParser would print a script only for the command that maps a disk. Here it gets all commands as one tree.
/// The tree is not used for parsing, because a disk can have the name of a command.
enum Completions {
  private static let option = "--generate-completion-script"

  /// Prints the script if the arguments ask for it.
  /// - Returns: false if they ask for something else.
  static func print(for arguments: [String]) -> Bool {
    guard arguments.count == 2, arguments[0] == option, let shell = CompletionShell(rawValue: arguments[1]) else {
      return false
    }
    return Messages.write(Array(WholeProgram.completionScript(for: shell).utf8) + [0x0a], to: 1)
  }
}

private struct WholeProgram: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap",
    subcommands: [
      Lookup.self, Verify.self, Info.self, Summary.self, Affected.self, Changed.self, Free.self, Diff.self, Export.self,
      Boot.self, Top.self, Annotate.self, BootDiff.self, Prefetch.self, Report.self, Help.self,
    ])

  @OptionGroup var options: MapCommand

  struct Lookup: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: LookupCommand.configuration.abstract)
    @OptionGroup var options: LookupCommand
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: VerifyCommand.configuration.abstract)
    @OptionGroup var options: VerifyCommand
  }

  struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: InfoCommand.configuration.abstract)
    @OptionGroup var options: InfoCommand
  }

  struct Summary: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: SummaryCommand.configuration.abstract)
    @OptionGroup var options: SummaryCommand
  }

  struct Affected: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: AffectedCommand.configuration.abstract)
    @OptionGroup var options: AffectedCommand
  }

  struct Changed: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: ChangedCommand.configuration.abstract)
    @OptionGroup var options: ChangedCommand
  }

  struct Free: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: FreeCommand.configuration.abstract)
    @OptionGroup var options: FreeCommand
  }

  struct Diff: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: DiffCommand.configuration.abstract)
    @OptionGroup var options: DiffCommand
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: ExportCommand.configuration.abstract)
    @OptionGroup var options: ExportCommand
  }

  struct Boot: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: BootCommand.configuration.abstract)
    @OptionGroup var options: BootCommand
  }

  struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: TopCommand.configuration.abstract)
    @OptionGroup var options: TopCommand
  }

  struct Annotate: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: AnnotateCommand.configuration.abstract)
    @OptionGroup var options: AnnotateCommand
  }

  struct BootDiff: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "boot-diff", abstract: BootDiffCommand.configuration.abstract)
    @OptionGroup var options: BootDiffCommand
  }

  struct Prefetch: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: PrefetchCommand.configuration.abstract)
    @OptionGroup var options: PrefetchCommand
  }

  struct Report: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: ReportCommand.configuration.abstract)
    @OptionGroup var options: ReportCommand
  }

  struct Help: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: HelpCommand.configuration.abstract)
    @OptionGroup var options: HelpCommand
  }
}
