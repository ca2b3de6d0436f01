import Bytes
import Guestfs

extension Guest {
  /// Runs a script of filesystem tools in the appliance.
  /// - Parameters:
  ///   - tools: the tools that the script needs.
  ///   - variables: variable assignments in shell syntax, for the script to use.
  ///   - consequence: what the map lacks if nil is returned.
  ///   - warn: gets a line with the consequence and the reason before nil is returned, unless a tool is missing.
  ///   - missing: gets the name of a missing tool before nil is returned.
  /// - Returns: the output, or nil if a tool is missing or the script could not be run. The exit status of the
  ///   script is ignored.
  package func output(
    of script: String, tools: [String], variables: String, else consequence: String, warn: (String) -> Void,
    missing: (String) -> Void
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
      guard let first = output.lines.first, first.hasPrefix("missing ") else { return output }
      missing(String(first.dropFirst(8)))
    } catch {
      try checkHelpers()
      warn("\(consequence): \(error.firstLine)")
    }
    return nil
  }
}
