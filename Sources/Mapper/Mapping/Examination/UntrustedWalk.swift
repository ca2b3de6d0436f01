import Appliance
import Guestfs
import WalkAssembly
import WalkRecord

/// Keeps a walker that lies, or does not end, from costing more than its own filesystem.
extension Examiner {
  /// The script that runs the walker, and kills it when virt-bmap says so: it polls the channel for that.
  static func walkScript(_ method: MapMethod) -> String {
    let channel = "/dev/disk/guestfs/\(Appliance.channelLabel)"
    let position = Verdict.position / UInt64(Verdict.size)
    return """
      \(walkerName) \(channel) /sysroot \(method.walkerArgument) & w=$!
      ( while sleep 15; do
          v=$(dd if=\(channel) bs=\(Verdict.size) skip=\(position) count=1 iflag=direct 2>/dev/null | tr -d '\\000')
          [ "$v" = \(String(decoding: Verdict.stop, as: UTF8.self)) ] && kill -9 $w
        done ) >/dev/null 2>&1 & m=$!
      wait $w; s=$?
      kill $m
      exit $s
      """
  }

  /// The limits on what the walk of a filesystem may report.
  func bounds(of filesystem: Guestfs.Filesystem, type: String) -> WalkBounds {
    let all = guest.set.disks.reduce(0) { sum, number -> UInt64 in
      let (total, overflow) = sum.addingReportingOverflow(guest.guestDisks[number - 1].size)
      return overflow ? .max : total
    }
    // A Btrfs filesystem may be on several devices.
    let device =
      type == "btrfs" ? nil : guest.inventory.number(under: filesystem.mountable).flatMap { guest.devices.end(of: $0) }
    return WalkBounds(bytes: min(all, device ?? all), type: type, mapBytes: map.mostBytes)
  }

  /// Warns that the map has none of the filesystem's files.
  mutating func giveUp(_ filesystem: Guestfs.Filesystem, name: String, type: String, because lie: AssemblyError) {
    guest.incomplete += 1
    let isTooLarge =
      switch lie {
      case .tooManyNames, .tooManyRanges: bounds(of: filesystem, type: type).areOfMap
      default: false
      }
    let reason =
      isTooLarge
      ? "\(lie), more than a map of \(map.mostBytes) bytes can hold: increase --max-map-size"
      : "the appliance's report about it cannot be right: \(lie)"
    guest.reporter.warning("filesystem on \(name) (\(type)): \(reason); its files are not in the map")
  }
}
