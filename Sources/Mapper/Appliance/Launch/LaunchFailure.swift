import Bytes
import Glibc
import Guestfs

/// Explains in one line why an appliance did not start. libguestfs's own error says only that it did not. The
/// reason is in the output of qemu or of supermin, which builds the appliance, or in the limits of this process.
package struct LaunchFailure {
  /// libguestfs's error.
  package var error: GuestfsError
  /// The lines of output until then.
  package var said: [String]
  /// Possible causes in the environment of this process.
  package var hints: [String]

  /// The maximum length of the reason shown.
  private static let maximumCharacters = 400
  /// Messages that are not the cause of an error.
  private static let harmless = ["warning:", "Fallback to"]

  /// The cause, as far as it is known, or else libguestfs's error.
  package var description: String {
    let reason = said.first(where: Self.isCause) ?? error.firstLine
    let advice =
      reason.contains("find a suitable kernel") || reason.contains("cannot find any suitable")
      ? ["a kernel that this user can read has to be in /boot"] : []
    let all = advice + hints
    return
      "\(reason.prefix(Self.maximumCharacters))\(all.isEmpty ? " (-v shows what happened)" : " (\(all.joined(separator: "; ")))")"
  }

  private static func isCause(_ line: String) -> Bool {
    guard !harmless.contains(where: line.contains) else { return false }
    // supermin also runs inside the appliance, where it logs what it does.
    if line.hasPrefix("supermin: ") {
      return line.contains("error") || line.contains("failed") || line.contains("cannot")
    }
    if line.hasPrefix("qemu"), line.contains(": ") { return true }
    return line.contains("error while loading shared libraries") || line.hasPrefix("Kernel panic")
      || line.contains("] Kernel panic")
  }

  /// - Parameter directories: the directories of the appliance and its temporary files.
  package init(_ error: GuestfsError, said log: ApplianceLog, directories: [String]) {
    self.error = error
    said = log.lines.map { String(decoding: $0, as: UTF8.self) }
    hints = ProcessLimits.hints() + directories.compactMap { ProcessLimits.hint(ofFull: $0) }
  }

  package init(_ error: GuestfsError, said: [String], hints: [String]) {
    self.error = error
    self.said = said
    self.hints = hints
  }
}
