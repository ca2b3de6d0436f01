import Appliance
import Filesystems
import Guestfs
import WalkAssembly
import WalkRecord

/// Runs the walker on a mounted filesystem. A walker that lies, or does not end, costs only its own filesystem.
struct FilesystemWalk {
  /// Where the walker is in the appliance.
  static let walkerName = "/tmp/virt-bmap-walker"

  let guest: Guest
  let filesystem: Guestfs.Filesystem
  /// The largest size of the map, in bytes.
  let maximumMapBytes: UInt64

  /// Why there is no walk.
  enum Failure: Error {
    /// The walker did not finish.
    case notWalked(String)
    /// What the walker reported cannot be right, or is too much.
    case notCredible(String)
  }

  /// - Returns: a failure if the filesystem cannot be walked; it is then unmounted.
  func run(_ method: MapMethod) throws -> Result<WalkAssembler, Failure> {
    guest.pump.begin(bounds)
    let watch = try WalkWatch(guest.pump)
    defer { guest.reporter.progress(nil) }
    do {
      // If the kernel merged requests, adjacent pieces of a file in the wrong order would look like one piece. A walker
      // that did not finish may have left merging on.
      _ = try guest.appliance.shell(
        """
        for f in /sys/block/*/queue/nomerges; do echo 2 > $f; done
        \(Self.script(method))
        """)
      watch.stop()
    } catch {
      watch.stop()
      let lie = guest.pump.abandon()
      // If the appliance is still running, the other filesystems may be in order.
      try guest.checkHelpers()
      try guest.unmount()
      return .failure(lie.map { .notCredible(reason($0)) } ?? .notWalked(error.firstLine))
    }
    switch try guest.pump.finish() {
    case .success(let walk): return .success(walk)
    case .failure(let lie):
      try guest.unmount()
      return .failure(.notCredible(reason(lie)))
    }
  }

  /// Why a walk cannot be used, for a message.
  func reason(_ lie: AssemblyError) -> String {
    let isTooLarge =
      switch lie {
      case .tooManyNames, .tooManyRanges: bounds.areOfMap
      default: false
      }
    return isTooLarge
      ? "\(lie), more than a map of \(maximumMapBytes) bytes can hold: increase --max-map-size"
      : "the appliance's report about it cannot be right: \(lie)"
  }

  /// The script that runs the walker, and kills it when virt-bmap says so: it polls the channel for that.
  private static func script(_ method: MapMethod) -> String {
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

  /// The limits on what the walk may report.
  private var bounds: WalkBounds {
    let all = guest.set.disks.reduce(0) { sum, number -> UInt64 in
      let (total, overflow) = sum.addingReportingOverflow(guest.guestDisks[number - 1].size)
      return overflow ? .max : total
    }
    // A filesystem with logical addresses may be on several devices.
    let device =
      filesystem.knownType.hasLogicalAddresses
      ? nil : guest.inventory.number(under: filesystem.mountable).flatMap { guest.devices.end(of: $0) }
    return WalkBounds(
      bytes: min(all, device ?? all), isCompressed: filesystem.knownType.isCompressed, mapBytes: maximumMapBytes)
  }
}
