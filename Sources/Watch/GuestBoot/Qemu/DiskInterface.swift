/// What the guest's disks are attached to.
package enum DiskInterface: String, CaseIterable, Sendable {
  case virtio, scsi, sata, nvme, ide

  /// The machine that has it.
  var machine: String { self == .ide ? "pc" : "q35" }

  /// The largest number of disks, or nil if there is no limit below that of maps.
  private var most: Int? {
    switch self {
    case .virtio: nil
    case .scsi, .nvme: 16
    case .sata: 6
    case .ide: 4
    }
  }

  /// - Throws: `GuestBootError` if that many disks cannot be attached.
  package func check(disks: Int) throws(GuestBootError) {
    let others = "--interface virtio has no limit"
    if let most, disks > most { throw .missing("--interface \(rawValue) takes at most \(most) disks: \(others)") }
  }

  /// The options for the controller that the disks need, if the machine does not have it.
  var controller: [String] {
    // LSI Logic SAS, which VMware's guests have a driver for.
    self == .scsi ? ["-device", "mptsas1068,id=scsi0"] : []
  }

  /// The value of `-device` for a disk.
  /// - Parameter number: 1 for the first disk.
  func device(_ number: Int) -> String {
    let index = number - 1
    let common = "drive=disk\(number),bootindex=\(number)"
    return switch self {
    case .virtio: "virtio-blk-pci,\(common)"
    case .scsi: "scsi-hd,bus=scsi0.0,scsi-id=\(index),\(common)"
    case .sata: "ide-hd,bus=ide.\(index),\(common)"
    case .nvme: "nvme,serial=disk\(number),\(common)"
    case .ide: "ide-hd,bus=ide.\(index / 2),unit=\(index % 2),\(common)"
    }
  }
}
