import Bytes
import Glibc

/// The programs that this one has started, whoever started them.
public enum ChildProcesses {
  /// Ends them. A call of libguestfs that waits for its appliance then fails, which is the only way to stop one from
  /// another thread or after a signal.
  ///
  /// Not those with which libguestfs puts its temporary files away: `rm`, and what is about to become it.
  public static func kill() {
    let own = program(of: getpid())
    for child in all() where child.command != "rm" && program(of: child.process) != own { end(child.process) }
  }

  /// The file that a process runs; a process that was forked and is yet to become another program runs this one.
  private static func program(of process: pid_t) -> [CChar]? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/\(process)/exe", &buffer, buffer.count)
    return count > 0 ? Array(buffer[..<count]) : nil
  }

  /// Ends the appliances.
  package static func killAppliances() {
    for child in all() where child.isAppliance { end(child.process) }
  }

  private static func end(_ process: pid_t) { _ = Glibc.kill(process, SIGKILL) }

  /// Whether there is an appliance.
  package static var haveAppliance: Bool { all().contains { $0.isAppliance } }

  private struct Child {
    var process: pid_t
    var command: String

    /// libguestfs's: qemu under one of its names, but not what serves an image.
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

  /// The second field of /proc/PID/stat is the command in parentheses, which may hold anything; the parent comes after
  /// the last of them.
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
