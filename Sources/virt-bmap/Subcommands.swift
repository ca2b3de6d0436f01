import ArgumentParser

/// The commands that virt-bmap's first argument can name. A disk with the name of a command is given as `./NAME`.
enum Subcommands {
  /// In the order of `virt-bmap --help`.
  private static let all: [(name: String, type: any ParsableCommand.Type)] = [
    ("lookup", LookupCommand.self), ("verify", VerifyCommand.self), ("info", InfoCommand.self),
    ("summary", SummaryCommand.self), ("affected", AffectedCommand.self), ("changed", ChangedCommand.self),
    ("free", FreeCommand.self), ("diff", DiffCommand.self), ("export", ExportCommand.self),
    ("boot", BootCommand.self), ("top", TopCommand.self), ("annotate", AnnotateCommand.self),
    ("boot-diff", BootDiffCommand.self), ("prefetch", PrefetchCommand.self),
    ("report", ReportCommand.self), ("help", HelpCommand.self),
  ]

  static func type(named name: String) -> (any ParsableCommand.Type)? { all.first { $0.name == name }?.type }

  /// The names for `--machine-readable`.
  static var features: [String] { all.map(\.name).filter { $0 != "help" } }

  /// One line for each command.
  static var list: String {
    all.map { name, type in
      "  " + name + String(repeating: " ", count: max(1, 11 - name.utf8.count)) + type.configuration.abstract
    }.joined(separator: "\n")
  }
}
