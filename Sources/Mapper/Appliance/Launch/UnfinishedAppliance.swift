import FoundationEssentials
import Glibc

/// What supermin leaves behind if it is killed while it builds libguestfs's appliance: a directory
/// `appliance.d.XXXXXXXX` of hundreds of megabytes that is never used.
package enum UnfinishedAppliance {
  /// Removes such directories from libguestfs's cache in `directory`, unless another program is building there
  /// right now.
  package static func remove(from directory: String) {
    let cache = "\(directory)/.guestfs-\(geteuid())"
    let lock = open("\(cache)/lock", O_RDWR | O_CLOEXEC)
    guard lock >= 0 else { return }
    defer { close(lock) }
    // supermin holds this lock while it builds.
    guard lockf(lock, F_TLOCK, 0) == 0 else { return }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: cache)) ?? []
    where name.hasPrefix("appliance.d.") {
      try? FileManager.default.removeItem(atPath: "\(cache)/\(name)")
    }
  }
}
