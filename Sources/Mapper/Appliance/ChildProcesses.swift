import Bytes
import Glibc

/// The child processes of this process, including those that libraries started.
public enum ChildProcesses {
  /// Kills the child processes. A libguestfs call that waits for its appliance then fails, which is the only way to
  /// stop it from another thread or after a signal.
  ///
  /// Spares the `rm` with which libguestfs removes its temporary files, and forked children that have not run their
  /// program yet, because they may become that `rm`.
  public static func kill() {
    let own = program(of: getpid())
    for child in all() where child.command != "rm" && program(of: child.process) != own { end(child.process) }
  }

  /// Returns the file that a process runs. A forked process that has not run its program yet still runs this one.
  private static func program(of process: pid_t) -> [CChar]? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/\(process)/exe", &buffer, buffer.count)
    return count > 0 ? Array(buffer[..<count]) : nil
  }

  /// Kills the appliances.
  package static func killAppliances() {
    for child in all() where child.isAppliance { end(child.process) }
  }

  private static func end(_ process: pid_t) { _ = Glibc.kill(process, SIGKILL) }

  /// Whether an appliance is running.
  package static var haveAppliance: Bool { all().contains { $0.isAppliance } }

  private struct Child {
    var process: pid_t
    var command: String

    /// Whether this is libguestfs's appliance: qemu under any of its names, except the qemu-nbd that serves an
    /// image.
    var isAppliance: Bool { command.hasPrefix("qemu") && command != "qemu-nbd" }
  }

  private static func all() -> [Child] {
    guard let directory = opendir("/proc") else { return [] }
    defer { closedir(directory) }
    let own = getpid()
    var result: [Child] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let process = pid_t(name), let (parent, command) = status(of: process), parent == own else { continue }
      result.append(Child(process: process, command: command))
    }
    return result
  }

  /// Reads /proc/PID/stat. The second field is the command in parentheses, which can itself contain any characters;
  /// the parent follows the last closing parenthesis.
  private static func status(of process: pid_t) -> (parent: pid_t, command: String)? {
    guard let file = fopen("/proc/\(process)/stat", "r") else { return nil }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 1024)
    guard fgets(&buffer, Int32(buffer.count), file) != nil else { return nil }
    let line = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: close)...].fields
    guard fields.count > 1, let parent = pid_t(fields[1]) else { return nil }
    return (parent, String(line[line.index(after: open)..<close]))
  }
}
