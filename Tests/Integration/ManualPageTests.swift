import SystemPackage
import Testing

/// The manual pages describe all options and parameters that the programs print, and no others.
@Suite struct ManualPageTests {
  /// The options of virt-bmap and of each subcommand.
  @Test func everyOptionIsInItsPage() async throws {
    let overview = try await help([])
    let listed = overview.split(separator: "Commands:\n").last?.split(separator: "\n\n").first ?? ""
    let subcommands = Set(listed.matches(of: #/(?m)^  ([a-z-]+) /#).map { String($0.1) }).subtracting(["help"])
    let files = try names(in: pages).filter { $0.hasPrefix("virt-bmap") && $0.hasSuffix(".pod") }
    #expect(Set(files) == Set(["virt-bmap.pod"] + subcommands.map { "virt-bmap-\($0).pod" }))
    try #require(!subcommands.isEmpty)

    for command in [[]] + subcommands.sorted().map({ [$0] }) {
      let page = (["virt-bmap"] + command).joined(separator: "-")
      let printed = options(ofHelp: try await help(command))
      #expect(!printed.isEmpty, "\(page)")
      let described = try items(of: page).compactMap { $0.firstMatch(of: /B<(-[^>]+)>/).map { String($0.1) } }
      #expect(Set(described) == printed, "\(page)")
    }
  }

  /// `virt-bmap help COMMAND` prints the same as `virt-bmap COMMAND --help`.
  @Test func theHelpCommand() async throws {
    let mapper = try Products.mapper.string
    #expect(try await tool(mapper, ["help"]).output == tool(mapper, ["--help"]).output)
    #expect(try await tool(mapper, ["help", "verify"]).output == tool(mapper, ["verify", "--help"]).output)
  }

  /// The parameters of the nbdkit plugin and filter.
  @Test func everyParameterIsInItsPage() async throws {
    let modules: [(page: String, arguments: [any Word])] = [
      ("nbdkit-bmaplogger-plugin", [try Products.logger]),
      ("nbdkit-bmaplogger-filter", ["--filter=\(try Products.loggerFilter)", "null"]),
    ]
    for (page, arguments) in modules {
      let text = try await tool("nbdkit", arguments + ["--help"]).output.text
      // The plugin below the filter has parameters too.
      let own = text.split(separator: "plugin: null")[0]
      let printed = own.matches(of: /(?m)^\[?([a-z-]+)=/).map { String($0.1) }
      #expect(!printed.isEmpty, "\(page)")
      let described = try items(of: page).compactMap { $0.firstMatch(of: /B<([a-z-]+)=/).map { String($0.1) } }
      #expect(Set(described) == Set(printed), "\(page)")
    }
  }

  private let pages = Products.package.appending("man")

  private func help(_ command: [String]) async throws -> String {
    try await tool(try Products.mapper.string, command + ["--help"]).output.text
  }

  /// Parses lines such as `  -o, --output <output>   Where the map is written.`
  private func options(ofHelp help: String) -> Set<String> {
    let lines = help.split(separator: "\n").filter { $0.hasPrefix("  -") }
    return Set(
      lines.flatMap { line in
        line.split(whereSeparator: { $0 == " " || $0 == "," }).prefix { $0.hasPrefix("-") }.map(String.init)
      })
  }

  /// The lines of a page such as `=item B<--output> MAP`.
  private func items(of page: String) throws -> [Substring] {
    let text = try [UInt8](contentsOf: pages.appending("\(page).pod")).text
    return text.split(separator: "\n").filter { $0.hasPrefix("=item ") }
  }
}
