import Appliance
import Filesystems
import Guestfs
import WalkAssembly
import WalkRecord

/// Runs the walker on a mounted filesystem. If the walker lies or hangs, only this filesystem is lost.
struct FilesystemWalk {
  /// The path of the walker in the appliance.
  static let walkerName = "/tmp/virt-bmap-walker"

  let guest: Guest
  let filesystem: Guestfs.Filesystem
  /// The largest size of the map, in bytes.
  let maximumMapBytes: UInt64

  /// Why there is no walk.
  enum Failure: Error {
    /// The walker did not finish.
    case notWalked(String)
    /// What the walker reported is inconsistent or exceeds a limit.
    case notCredible(String)
  }

  /// Runs the walker.
  /// - Returns: a failure if the filesystem cannot be walked; it has then been unmounted.
  func run(_ method: MapMethod) throws -> Result<WalkAssembler, Failure> {
    guest.pump.begin(bounds)
    let watch = try WalkWatch(guest.pump)
    defer { guest.reporter.progress(nil) }
    do {
      // Request merging must be off: otherwise adjacent pieces of a file that are in the wrong order would look like
      // one piece. A walker that did not finish may have left it on.
      _ = try guest.appliance.shell(
        """
        for f in /sys/block/*/queue/nomerges; do echo 2 > $f; done
        \(Self.script(method))
        """)
      watch.stop()
    } catch {
      watch.stop()
      let lie = guest.pump.abandon()
      // If the appliance is still running, the other filesystems may be fine.
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

  /// Explains, for a message, why a walk cannot be used.
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

  /// The script that runs the walker, and kills it when virt-bmap asks for that on the channel, which the script
  /// polls.
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
    // A filesystem with logical addresses may span several devices.
    let device =
      filesystem.knownType.hasLogicalAddresses
      ? nil : guest.inventory.number(under: filesystem.mountable).flatMap { guest.devices.end(of: $0) }
    var bounds = WalkBounds(
      bytes: min(all, device ?? all), isCompressed: filesystem.knownType.isCompressed, mapBytes: maximumMapBytes)
    bounds.metadata = metadataOfPools
    return bounds
  }

  /// Where the metadata of thin pools is on the disks.
  private var metadataOfPools: [ChunkReads.DiskRange] {
    guest.devices.metadataTargets.values.flatMap { target -> [ChunkReads.DiskRange] in
      guard case .pool(let metadata, _) = target else { return [] }
      return (guest.devices.locations(of: metadata) ?? []).map {
        ChunkReads.DiskRange(disk: UInt8(clamping: $0.disk), range: $0.range)
      }
    }
  }
}
