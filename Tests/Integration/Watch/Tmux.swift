import SystemPackage

/// A terminal that nobody sees, of a server of its own.
final class Tmux: Sendable {
  private let socket: FilePath
  private let scratch = try? Scratch()

  /// Runs a shell command in a terminal of this size.
  init(_ command: String, columns: Int, rows: Int, in directory: FilePath) async throws {
    guard let scratch else { throw TestFailure("no directory for tmux") }
    socket = scratch("tmux")
    try await tool(
      "tmux",
      [
        "-u", "-S", socket, "-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "-c",
        directory,
        command,
      ], environment: ["LC_ALL": "C.UTF-8", "TERM": "xterm", "NO_COLOR": "1"])
  }

  @discardableResult
  private func ask(_ words: [any Word]) async throws -> Outcome {
    try await tool("tmux", ["-u", "-S", socket] + words, environment: ["LC_ALL": "C.UTF-8"])
  }

  /// The lines on the screen.
  func screen() async throws -> [String] {
    try await ask(["capture-pane", "-p"]).output.split(separator: 0x0a, omittingEmptySubsequences: false)
      .map { Array($0).text }
  }

  func press(_ key: String) async throws { try await ask(["send-keys", key]) }

  func resize(columns: Int, rows: Int) async throws {
    try await ask(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
  }

  /// A format of tmux, such as `#{cursor_flag}`.
  func value(_ format: String) async throws -> String {
    try await ask(["display-message", "-p", format]).outputLines.first ?? ""
  }

  /// Waits until the screen has a line with this text.
  @discardableResult
  func wait(for text: String, within limit: Duration = .seconds(60)) async throws -> [String] {
    var lines: [String] = []
    do {
      try await Integration.wait(for: "\"\(text)\" on the screen", within: limit) {
        lines = try await screen()
        return lines.contains { $0.contains(text) }
      }
    } catch {
      throw TestFailure("\(error):\n\(lines.joined(separator: "\n"))")
    }
    return lines
  }

  func end() async { _ = try? await run("tmux", ["-S", socket, "kill-server"]) }
}
