/// The kernel messages that explain why a device could not be mounted.
package struct KernelLog {
  /// A line written to the log before mounting, so that later messages can be distinguished from earlier ones.
  package static let mark = "virt-bmap: mounting"
  /// A script that turns off the kernel's rate limit for log messages from programs, so that no mark is dropped.
  package static let keepMarks = "{ echo on > /proc/sys/kernel/printk_devkmsg; } 2>/dev/null"
  /// The number of lines at the end of the log that are read.
  package static let maximumLines = 200
  /// The maximum number of messages in the reason, and its maximum length.
  private static let maximumReasons = 2
  private static let maximumCharacters = 300

  /// The kernel's reason, or nil if it logged none.
  package let reason: String?

  /// - Parameters:
  ///   - kernelName: the kernel's name of the device, such as `sda1`.
  ///   - lines: lines as dmesg(1) prints them: `[   63.392595] XFS (sda1): …`.
  package init(kernelName: Substring, lines: some Sequence<Substring>) {
    var texts: [String] = []
    for line in lines {
      let text = Self.withoutTime(line)
      if text.hasSuffix(Self.mark) {
        texts = []
      } else if !Self.isNoReason(text), !texts.contains(text) {
        texts.append(text)
      }
    }
    let own = texts.filter { Self.names($0, kernelName) }
    let reasons = (own.isEmpty ? texts : own).suffix(Self.maximumReasons)
    // Leave out the kernel's name, which can be the map's name of another disk.
    let said = reasons.map { text in
      text.replacing(" (device \(kernelName))", with: "").replacing(" (\(kernelName))", with: "")
    }.filter { !$0.isEmpty }
    reason = said.isEmpty ? nil : String(said.joined(separator: "; ").prefix(Self.maximumCharacters))
  }

  private static func withoutTime(_ line: Substring) -> String {
    guard line.hasPrefix("["), let end = line.firstIndex(of: "]") else { return String(line) }
    return String(line[line.index(after: end)...].drop { $0 == " " })
  }

  /// Whether the kernel also logs this message when all is well.
  private static func isNoReason(_ text: String) -> Bool {
    let prefixes = [
      "BTRFS info", "BTRFS: device", "Btrfs loaded", "SGI XFS", "fuse: init", "raid6: ", "xor: ", "async_tx: ",
      "device-mapper: core", "device-mapper: uevent", "device-mapper: ioctl", "loop: ", "virt-bmap: ", "random: ",
      "clocksource: ", "ntfs: driver", "squashfs: version",
    ]
    return text.isEmpty || prefixes.contains { text.hasPrefix($0) }
      || ["using the ext4 subsystem", "mounted filesystem", "Mounting V", "Ending clean mount", "udevd"]
        .contains { text.contains($0) }
  }

  /// Whether a line contains the device's name as a separate word.
  private static func names(_ text: String, _ kernelName: Substring) -> Bool {
    guard !kernelName.isEmpty else { return false }
    return text.split { !($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }.contains(kernelName)
  }

  /// Returns mount(8)'s message without its list of possible causes.
  package static func withoutGuesses(_ message: String) -> String {
    guard message.contains("wrong fs type, bad option, bad superblock") else {
      let prefixes = ["mount exited with status", "mount:"]
      return prefixes.contains { message.hasPrefix($0) } ? message.replacing("mount: /sysroot: ", with: "") : message
    }
    return "the kernel does not take it, and gives no reason"
  }
}
