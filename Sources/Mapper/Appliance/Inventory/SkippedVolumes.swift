import Guestfs

extension Guest {
  /// Activates the logical volumes that LVM skips unless they are requested, such as snapshots of thin volumes.
  /// - Returns: false if nothing new was found.
  package mutating func activateSkippedVolumes() throws -> Bool {
    guard inventory.devices.contains(where: { $0.type == "LVM2_member" }) else { return false }
    let names = try appliance.shell(
      """
      lvm lvs --noheadings -S 'lv_role=public && lv_skip_activation=1' -o lv_path \(readOnly) 2>/dev/null | tr -d ' '
      """)
    let found = names.split(separator: 0x0a).map(Array.init)
    guard found != skippedVolumes else { return false }
    skippedVolumes = found
    _ = try appliance.shell("lvm vgchange -ay -K \(readOnly) 2>&1; \(Self.settled); true")
    return true
  }
}
