import Bytes
import Guestfs

extension Guest {
  /// Runs a script of the filesystems' own tools in the appliance.
  /// - Parameters:
  ///   - tools: that it needs.
  ///   - variables: assignments, as the shell takes them, that the script finds.
  ///   - consequence: is said, with the reason, where there is no output.
  /// - Returns: nil where a tool is missing or the script failed.
  package func output(
    of script: String, tools: [String], variables: String, orSay consequence: String
  ) throws -> String? {
    do {
      let text = try appliance.longShell(
        """
        for t in \(tools.joined(separator: " ")); do command -v $t >/dev/null || echo "missing $t"; done
        export LC_ALL=C \(variables)
        { \(script)
        } 2>/dev/null
        true
        """)
      let output = String(decoding: text, as: UTF8.self)
      guard let missing = output.lines.first, missing.hasPrefix("missing ") else { return output }
      reporter.detail("\(consequence): the appliance has no \(missing.dropFirst(8))")
    } catch {
      try checkHelpers()
      reporter.detail("\(consequence): \(error)")
    }
    return nil
  }
}
