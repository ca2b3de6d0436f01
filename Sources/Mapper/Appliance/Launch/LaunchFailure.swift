import Bytes
import Glibc
import Guestfs

/// Why an appliance did not start, in one line. libguestfs itself says only that it did not; the reason is in what qemu
/// or supermin, which builds the appliance, has said, or in the limits of this process.
package struct LaunchFailure {
  /// libguestfs's own words.
  package var error: GuestfsError
  /// What was said until then, in lines.
  package var said: [String]
  /// What of this process's surroundings may be the cause.
  package var hints: [String]

  /// Of a message, so much is shown.
  private static let mostCharacters = 400
  /// A program's words on its way to an error.
  private static let harmless = ["warning:", "Fallback to"]

  /// The cause, as far as it is known.
  package var description: String {
    let reason = said.first(where: Self.isCause) ?? error.firstLine
    let advice =
      reason.contains("find a suitable kernel") || reason.contains("cannot find any suitable")
      ? ["a kernel that this user can read has to be in /boot"] : []
    let all = advice + hints
    return
      "\(reason.prefix(Self.mostCharacters))\(all.isEmpty ? " (-v shows what happened)" : " (\(all.joined(separator: "; ")))")"
  }

  private static func isCause(_ line: String) -> Bool {
    guard !harmless.contains(where: line.contains) else { return false }
    // supermin is in the appliance, too, and says there what it does.
    if line.hasPrefix("supermin: ") {
      return line.contains("error") || line.contains("failed") || line.contains("cannot")
    }
    if line.hasPrefix("qemu"), line.contains(": ") { return true }
    return line.contains("error while loading shared libraries") || line.hasPrefix("Kernel panic")
      || line.contains("] Kernel panic")
  }

  /// - Parameter directories: where the appliance and its temporary files go.
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
