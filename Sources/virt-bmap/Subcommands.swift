import ArgumentParser

/// What the first argument of virt-bmap may name. A disk of that name is given as `./NAME`.
enum Subcommands {
  /// In the order in which `virt-bmap --help` lists them.
  private static let all: [(name: String, type: any ParsableCommand.Type)] = [
    ("lookup", LookupCommand.self), ("verify", VerifyCommand.self), ("info", InfoCommand.self),
    ("help", HelpCommand.self),
  ]

  static func type(named name: String) -> (any ParsableCommand.Type)? { all.first { $0.name == name }?.type }

  /// A line for each.
  static var list: String {
    all.map { name, type in
      "  " + name + String(repeating: " ", count: max(1, 10 - name.utf8.count)) + type.configuration.abstract
    }.joined(separator: "\n")
  }
}
