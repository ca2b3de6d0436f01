import FoundationEssentials
import Glibc

/// What supermin leaves when it is ended while it builds libguestfs's appliance: `appliance.d.XXXXXXXX`, of hundreds of
/// megabytes, which nobody would ever use.
package enum UnfinishedAppliance {
  /// Removes it from libguestfs's cache in `directory`, unless another program is just building there.
  package static func remove(from directory: String) {
    let cache = "\(directory)/.guestfs-\(geteuid())"
    let lock = open("\(cache)/lock", O_RDWR | O_CLOEXEC)
    guard lock >= 0 else { return }
    defer { close(lock) }
    // The lock that supermin holds while it builds.
    guard lockf(lock, F_TLOCK, 0) == 0 else { return }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: cache)) ?? []
    where name.hasPrefix("appliance.d.") {
      try? FileManager.default.removeItem(atPath: "\(cache)/\(name)")
    }
  }
}
