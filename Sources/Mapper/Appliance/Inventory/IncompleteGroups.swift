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
      lvm lvs --noheadings --separator / -o vg_name,lv_health_status,segtype,pool_lv,lv_name \(readOnly) 2>/dev/null |
        sed 's/^ */lv\\//'
      true
      """)
    let report = GroupReport(parsing: String(decoding: text, as: UTF8.self))
    for volume in missingVolumes {
      incomplete += 1
      let name = set.nameInAppliance(volume)
      let missing = report.missing(from: name)
      let reason =
        missing.isEmpty
        ? report.damage(below: name).map { ": \($0)" } ?? ""
        : ": its volume group lacks the physical volume \(missing); give that disk, too"
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
  /// The thin pools of thin volumes, as `GROUP/POOL`.
  private var pools: [String: String] = [:]
  private var cached: Set<String> = []

  /// Parses lines `pv/GROUP/[missing]/UUID` and `lv/GROUP/HEALTH/TYPE/POOL/VOLUME`.
  package init(parsing text: String) {
    for line in text.lines {
      let fields = line.parts(between: "/", omittingEmptySubsequences: false)
      switch fields.first {
      case "pv" where fields.count == 4 && !fields[2].isEmpty: missing[fields[1], default: []].append(fields[3])
      case "lv" where fields.count == 6:
        let name = "/dev/\(fields[1])/\(fields[5])"
        if fields[2] == "partial" { partial.insert(name) }
        if fields[3] == "thin", !fields[4].isEmpty { pools[name] = "\(fields[1])/\(fields[4])" }
        if fields[3] == "cache" { cached.insert(name) }
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

  /// Why a volume of a complete group cannot be activated, as a clause for a message; nil if that is unknown.
  package func damage(below volume: [UInt8]) -> String? {
    let name = String(decoding: volume, as: UTF8.self)
    if let pool = pools[name] {
      return "the metadata of the thin pool \(pool) seems to be damaged; on a copy of the disk, try lvconvert --repair"
    }
    return cached.contains(name) ? "the metadata of its cache seems to be damaged" : nil
  }

  /// Whether part of a volume is on a missing physical volume.
  package func isPartial(_ volume: [UInt8]) -> Bool { partial.contains(String(decoding: volume, as: UTF8.self)) }
}
