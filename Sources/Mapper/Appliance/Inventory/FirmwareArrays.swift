import BlockStack
import Bytes
import Guestfs

/// Arrays of Intel's firmware RAID. mdadm(8) assembles them only from disks with the serial numbers that the metadata
/// names, which images of the disks do not have. So the kernel is told what the arrays consist of. The metadata is not
/// written.
extension Guest {
  /// An array of Intel's firmware RAID that is running.
  struct FirmwareArray {
    var name: [UInt8]
    /// The number of its disks, and how many of those that worked in the guest are not there.
    var count: Int
    var missing: Int
  }

  /// The disks that have the same metadata.
  private struct Container {
    var metadata: IMSMMetadata
    var disks: [ProbedDevice]
  }

  /// Starts the arrays. Returns false if there are none.
  mutating func startFirmwareArrays() throws -> Bool {
    var calls: [String] = []
    var arrays: [FirmwareArray] = []
    for container in try firmwareContainers() {
      for volume in container.metadata.volumes {
        let name = "md\(Self.firstFirmwareArray + arrays.count)"
        if volume.isChanging {
          warn(volume, "is being rebuilt or changed to another layout; let the guest or the firmware finish that")
        } else if let members = container.metadata.members(of: volume, found: container.disks.count) {
          let parts = members.enumerated().compactMap { slot, disk in
            disk.map { "'\(slot)=\(container.disks[$0].number) \(volume.offset)'" }
          }
          calls.append("\(volume.start(as: name)) \(parts.joined(separator: " ")) 2>/dev/null")
          let working = volume.slots.count { $0 != nil }
          arrays.append(
            FirmwareArray(
              name: Array("/dev/\(name)".utf8), count: volume.slots.count, missing: working - parts.count))
        } else {
          let (count, found) = (container.metadata.ports.count, container.disks.count)
          warn(volume, "has \(count) disks, of which \(found) can be used; give all of them")
        }
      }
    }
    guard !calls.isEmpty else { return false }
    let script = [IMSMMetadata.startScript] + calls + [Self.settled]
    let said = try appliance.longShell(script.joined(separator: "\n"))
    let started = Set(String(decoding: said, as: UTF8.self).lines.map { Array($0.utf8) })
    firmwareArrays = arrays.filter { started.contains(Array("started ".utf8) + $0.name.dropFirst(5)) }
    partitions = try listPartitions()
    return true
  }

  private mutating func warn(_ volume: IMSMMetadata.Volume, _ reason: String) {
    incomplete += 1
    reporter.warning("the array \(shown(volume.name)) (Intel RAID \(volume.level)) is not mapped: it \(reason)")
  }

  /// The containers that are on the disks, each with its newest metadata.
  private func firmwareContainers() throws -> [Container] {
    var containers: [Container] = []
    for disk in inventory.devices where disk.type == "isw_raid_member" {
      guard let metadata = try firmwareMetadata(on: disk) else { continue }
      guard let index = containers.firstIndex(where: { $0.metadata.family == metadata.family }) else {
        containers.append(Container(metadata: metadata, disks: [disk]))
        continue
      }
      // A disk with older metadata was replaced: its data is stale.
      if metadata.generation > containers[index].metadata.generation {
        containers[index] = Container(metadata: metadata, disks: [disk])
      } else if metadata == containers[index].metadata {
        containers[index].disks.append(disk)
      }
    }
    return containers
  }

  private func firmwareMetadata(on disk: ProbedDevice) throws -> IMSMMetadata? {
    do {
      let size = try appliance.shell("blockdev --getsize64 /dev/block/\(disk.number)")
      let text = String(decoding: size, as: UTF8.self).filter { !$0.isWhitespace }
      guard let end = UInt64(text), end >= 2 * UInt64(IMSMMetadata.maximumBytes) else { return nil }
      let device = ApplianceDevice(inAppliance(disk.name), size: end, of: appliance)
      let anchor = end / 512 * 512 - 1024
      let bytes = try device.bytes(at: anchor, count: IMSMMetadata.sector)
      guard let length = IMSMMetadata.size(from: bytes) else { return nil }
      // What does not fit into the anchor is before it.
      let rest = length - IMSMMetadata.sector
      return IMSMMetadata(bytes + (try device.bytes(at: anchor - UInt64(rest), count: rest)))
    } catch {
      try checkHelpers()
      reporter.detail("\(shown(disk.name)): its RAID metadata cannot be read: \(oneLine(error))")
      return nil
    }
  }

  /// The number of the first array's kernel name. mdadm(8) uses lower ones.
  private static let firstFirmwareArray = 200

  /// Warns about arrays that had more disks when the guest last used them.
  mutating func warnOfDegradedFirmwareArrays() {
    for array in firmwareArrays where array.missing > 0 {
      incomplete += 1
      reporter.warning(DegradedArray.warning(of: shown(array.name), array.missing, of: array.count))
    }
  }
}

extension IMSMMetadata {
  /// The prefix of the names of the device mapper's devices that hold the arrays' parts of the disks.
  static let prefix = "virt-bmap-"

  /// Defines `start NAME LEVEL LAYOUT CHUNK DISKS SIZE SLOT=DEVICE ...`, which prints `started NAME`. The size is that
  /// on each disk, in sectors; the devices are `MAJOR:MINOR SECTOR`. An md array without metadata has its disks to
  /// itself, but several arrays can share a disk. So each gets devices of its own, which are parts of the disks.
  static let startScript = """
    modprobe md_mod
    forget() {
      for p in /sys/dev/block/$1/*/partition; do
        if [ -e $p ]; then delpart /dev/block/$1 $(cat $p) >&2; fi
      done
    }
    start() {
      n=$1 m=/sys/block/$1/md size=$(($6 / 2)) sectors=$6
      echo $n >/sys/module/md_mod/parameters/new_array
      echo none >$m/metadata_version; echo raid$2 >$m/level; echo $5 >$m/raid_disks
      echo $3 >$m/layout; echo $4 >$m/chunk_size; echo $size >$m/component_size
      shift 6
      for a; do
        d=\(prefix)$n-${a%%=*}
        echo "0 $sectors linear ${a#*=}" | dmsetup create $d || continue
        p=$(dmsetup info -c --noheadings -o major,minor --separator : $d)
        echo $p >$m/new_dev
        b=$(readlink /sys/dev/block/$p); b=${b##*/}
        echo ${a%%=*} >$m/dev-$b/slot; echo $size >$m/dev-$b/size
      done
      # The copies and the parity are as the guest left them.
      echo none >$m/resync_start
      if echo active >$m/array_state; then
        # A disk may begin with the partition table of its array, whose partitions are not the disk's.
        for a; do a=${a#*=}; forget ${a% *}; done
        echo started $n
      else
        echo clear >$m/array_state
        for a; do dmsetup remove \(prefix)$n-${a%%=*}; done
      fi
    }
    """
}

extension IMSMMetadata.Volume {
  /// The beginning of a call of the script's function. Intel's RAID 5 is left-asymmetric, and its RAID 10 keeps two
  /// copies in neighboring slots.
  fileprivate func start(as name: String) -> String {
    "start \(name) \(level) \(level == 10 ? 0x102 : 0) \(level == 1 ? 0 : chunk) \(slots.count) \(size)"
  }
}
