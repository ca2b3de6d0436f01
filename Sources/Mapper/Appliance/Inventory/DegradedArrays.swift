import Bytes

/// md arrays that lack devices.
extension Guest {
  /// Starts the arrays that lack devices. udev in the appliance adds each device to its array as it appears, but
  /// leaves an incomplete array inactive. Arrays with external metadata are not started.
  package func startArrays() throws {
    _ = try appliance.shell(
      """
      for a in /sys/class/block/md*/md; do
        [ -e $a/array_state ] && read -r s <$a/array_state && read -r v <$a/metadata_version || continue
        case $s-$v in inactive-external*) continue ;; inactive-*) b=${a%/md}; mdadm --run /dev/${b##*/} 2>&1 ;; esac
      done
      true
      """)
  }

  /// Warns about arrays that had more devices when the guest last used them.
  package mutating func warnOfDegradedArrays() throws {
    guard !inventory.arrays.isEmpty else { return }
    warnOfDegradedFirmwareArrays()
    let text = try appliance.shell(DegradedArray.script)
    for array in DegradedArray.parse(String(decoding: text, as: UTF8.self)) where array.missing > 0 {
      incomplete += 1
      let name = shown(set.nameInMap(Array("/dev/\(array.name)".utf8)))
      reporter.warning(DegradedArray.warning(of: name, array.missing, of: array.devices))
    }
  }
}

/// An array that runs with fewer devices than it should have.
package struct DegradedArray: Equatable {
  /// The kernel's name, such as `md127`.
  package var name: Substring
  package var devices: Int
  package var present: Int
  /// The number of active devices when the array was last used, according to the superblock of one device.
  package var used = 0

  /// The number of devices that were active then but are missing now. Devices that the guest itself had lost before
  /// do not count.
  package var missing: Int { max(0, used - present) }

  static func warning(of name: String, _ missing: Int, of devices: Int) -> String {
    "\(name): \(missing) of the array's \(devices) devices \(missing > 1 ? "are" : "is") missing, and data on it is not "
      + "mapped; give that disk, too"
  }

  /// Prints the input of `parse`. The superblock still has the number of active devices from the guest: the kernel
  /// updates it only when the array is written to, which has not happened yet.
  package static let script = """
    for a in /sys/class/block/md*/md; do
      [ -e $a/degraded ] && read -r n <$a/degraded && read -r r <$a/raid_disks && [ "$n" -gt 0 ] || continue
      b=${a%/md}; echo "array ${b##*/} $r $n"
      for m in $a/dev-*; do
        LC_ALL=C mdadm --examine /dev/${m##*/dev-} 2>/dev/null | sed -nE \
          's/^ *Array State : ([^ ]+).*$/state \\1/p; s/^ *Active Devices : ([0-9]+)$/active \\1/p'
        break
      done
    done
    true
    """

  package static func parse(_ text: String) -> [DegradedArray] {
    var result: [DegradedArray] = []
    for line in text.lines {
      let fields = line.fields
      if fields.count == 4, fields[0] == "array", let devices = UInt32(fields[2]), let lost = UInt32(fields[3]),
        devices >= lost
      {
        result.append(DegradedArray(name: fields[1], devices: Int(devices), present: Int(devices - lost)))
      } else if fields.count == 2, let last = result.indices.last {
        switch fields[0] {
        case "state": result[last].used = fields[1].utf8.count { $0 == UInt8(ascii: "A") }
        case "active": result[last].used = Int(UInt32(fields[1]) ?? 0)
        default: continue
        }
      }
    }
    return result
  }
}
