import Bytes

/// Volume groups that lack a disk.
extension Guest {
  /// The options for lvm(8) that keep it from writing metadata, which would record the disk as missing, and that
  /// hide copies.
  package var readOnly: String { "--config \"global{metadata_read_only=1} \(filterOfTwins)\"" }

  /// Activates the complete volumes of incomplete groups, and volumes with enough copies left.
  /// - Returns: false if there was nothing to do.
  package func activateIncompleteGroups() throws -> Bool {
    guard !missingVolumes.isEmpty else { return false }
    _ = try appliance.shell("lvm vgchange -ay --activationmode degraded \(readOnly) 2>&1; \(Self.settled); true")
    return true
  }

  /// The volumes that are not active.
  private var missingVolumes: [[UInt8]] { inventory.logicalVolumes.filter { inventory.number(of: $0) == nil } }

  /// Warns about volumes that are missing or lack a copy, and names the physical volumes that they need. Also warns
  /// about duplicate volume names.
  package mutating func warnOfIncompleteGroups() throws {
    var names: Set<[UInt8]> = []
    for volume in inventory.logicalVolumes where !names.insert(volume).inserted {
      incomplete += 1
      reporter.warning(
        "\(shown(volume)): two volumes have this name, and only one is mapped; map the disks of each separately"
      )
    }
    guard hasIncompleteGroups else { return }
    let text = try appliance.longShell(
      """
      lvm pvs --noheadings --separator / -o vg_name,pv_missing,pv_uuid \(readOnly) 2>/dev/null | sed 's/^ */pv\\//'
      lvm lvs --noheadings --separator / -o vg_name,lv_health_status,lv_name \(readOnly) 2>/dev/null | sed 's/^ */lv\\//'
      true
      """)
    let report = GroupReport(parsing: String(decoding: text, as: UTF8.self))
    for volume in missingVolumes {
      incomplete += 1
      let missing = report.missing(from: set.nameInAppliance(volume))
      let reason =
        missing.isEmpty ? "" : ": its volume group lacks the physical volume \(missing); give that disk, too"
      reporter.warning("\(shown(volume)): this volume cannot be activated\(reason)")
    }
    for volume in inventory.logicalVolumes where inventory.number(of: volume) != nil {
      let name = set.nameInAppliance(volume)
      guard report.isPartial(name) else { continue }
      incomplete += 1
      reporter.warning(
        "\(shown(volume)): a copy or a part of it is not mapped: it is on the physical volume "
          + "\(report.missing(from: name)); give that disk, too")
    }
  }
}

/// The output of lvm(8) about groups that lack a physical volume.
package struct GroupReport: Equatable {
  private var missing: [Substring: [Substring]] = [:]
  private var partial: Set<String> = []

  /// Parses lines `pv/GROUP/[missing]/UUID` and `lv/GROUP/HEALTH/VOLUME`.
  package init(parsing text: String) {
    for line in text.lines {
      let fields = line.parts(between: "/", omittingEmptySubsequences: false)
      guard fields.count == 4 else { continue }
      switch fields[0] {
      case "pv" where !fields[2].isEmpty: missing[fields[1], default: []].append(fields[3])
      case "lv" where fields[2] == "partial": partial.insert("/dev/\(fields[1])/\(fields[3])")
      default: continue
      }
    }
  }

  /// Returns the UUIDs of the physical volumes that the group of a volume (`/dev/GROUP/VOLUME`) lacks, as a list
  /// for a message.
  package func missing(from volume: [UInt8]) -> String {
    let parts = String(decoding: volume, as: UTF8.self).parts(between: "/")
    guard parts.count == 3 else { return "" }
    return missing[parts[1], default: []].joined(separator: ", ")
  }

  /// Whether part of a volume is on a missing physical volume.
  package func isPartial(_ volume: [UInt8]) -> Bool { partial.contains(String(decoding: volume, as: UTF8.self)) }
}
