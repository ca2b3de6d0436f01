import Appliance
import BlockStack
import DiskImage

/// Searches devices that lie on the guest's disks for anything but zeros.
///
/// The recorder has the disks open for the appliance, so this opens each a second time, when it is first needed.
struct DeviceSearch {
  private let disks: [GuestDisk]
  private let options: OpenOptions
  private let isCancelled: @Sendable () -> Bool
  private var opened: [Int: any VirtualDisk] = [:]
  private var search = ContentSearch()

  init(disks: [GuestDisk], options: OpenOptions, isCancelled: @escaping @Sendable () -> Bool) {
    self.disks = disks
    self.options = options
    self.isCancelled = isCancelled
  }

  /// Searches ranges of the disks, up to the first answer other than `onlyZeros`.
  /// - Returns: nil if a disk cannot be opened.
  /// - Throws: `MapperError` if the user stops the run, or if the server of an image is gone.
  mutating func look(at locations: [DeviceTable.Location]) throws(MapperError) -> ContentSearch.Answer? {
    for location in locations {
      guard let disk = try disk(location.disk) else { return nil }
      let answer = search.look(at: location.range, of: disk, isCancelled: isCancelled)
      guard !isCancelled() else { throw .interrupted }
      guard answer == .onlyZeros else { return answer }
    }
    return .onlyZeros
  }

  private mutating func disk(_ number: Int) throws(MapperError) -> (any VirtualDisk)? {
    if let disk = opened[number] { return disk }
    guard disks.indices.contains(number - 1) else { return nil }
    let guestDisk = disks[number - 1]
    // Another server may accept only one client, which is the recorder, and keep others waiting.
    if case .server = guestDisk.reading, guestDisk.description.format.elementsEqual(ImageFormat.raw.rawValue.utf8) {
      return nil
    }
    do {
      let disk = try guestDisk.open(options, isCancelled: isCancelled)
      opened[number] = disk
      return disk
    } catch {
      // virt-bmap started this server, so if it accepts no client, it is gone.
      if case .server = guestDisk.reading { throw .source(guestDisk.description.file, String(describing: error)) }
      return nil
    }
  }

  func close() {
    for disk in opened.values { disk.close() }
  }
}
