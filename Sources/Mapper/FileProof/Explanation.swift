import Algorithms
import BlockMap
import BlockStack
import Bytes

/// What the filesystem says about a file that cannot be rebuilt from the map.
package enum Explanation: Equatable {
  /// The map is as right as it can be.
  case excepted(ProofException)
  /// Nothing excuses the map; the text says what is wrong with it, if that is known.
  case none(String?)
}

/// Compares a file's extents, as its filesystem reports them, with the map.
package struct ExtentCheck {
  package let table: DeviceTable
  /// The filesystem's address space, by its name in `table`.
  package let device: Substring

  package init(table: DeviceTable, device: Substring) {
    self.table = table
    self.device = device
  }

  /// The most bytes that Btrfs compresses together.
  private static let maximumEncoded: UInt64 = 128 << 10

  /// Checks that every range of the map begins in an extent, and that the map has the ranges of every extent, in all
  /// copies.
  /// - Parameter size: the size of the file, in bytes.
  package func explain(_ extents: [GuestExtent], size: UInt64, ranges: [MappedRange]) -> Explanation {
    var found: Set<ProofException> = []
    let written = extents.filter { !$0.isUnwritten && $0.logical.lowerBound < size }
    var notInline = ranges
    for extent in written where extent.isInline {
      let own = ranges.filter {
        $0.objectOffset < extent.logical.upperBound && $0.objectEnd > extent.logical.lowerBound
      }
      // If the map has a range for the extent, its bytes are the file's own unless encoded, and should have been right.
      guard own.isEmpty || extent.isEncoded else { return .none(nil) }
      notInline.removeAll { own.contains($0) }
      found.insert(own.isEmpty ? .inline : .compressed)
    }
    let stored = written.filter { !$0.isInline }
    if stored.contains(where: \.isEncoded) { found.insert(.compressed) }
    if table.isFollowed(device) {
      let cover = Cover(ranges, isEncoded: false)
      let anywhere = Cover(ranges, isEncoded: true)
      for extent in stored {
        if let missing = missing(extent, size: size, in: extent.isEncoded ? anywhere : cover, &found) {
          return .none(missing)
        }
      }
      if let stray = strayRange(notInline, stored) { return .none(stray) }
      if found.contains(.compressed),
        let problem = CopyCheck(table: table, device: device).problem(of: ranges, isEncoded: true)
      {
        return .none(problem)
      }
    }
    // The rarest exception says the most.
    let order: [ProofException] = [.lost, .compressed, .inline]
    return order.first { found.contains($0) }.map { .excepted($0) } ?? .none(nil)
  }

  /// What the map lacks of an extent; nil if nothing.
  private func missing(
    _ extent: GuestExtent, size: UInt64, in cover: Cover, _ found: inout Set<ProofException>
  ) -> String? {
    // Only the beginning of an encoded extent is known.
    let length =
      extent.isEncoded ? 512 : min(extent.logical.upperBound, size) - extent.logical.lowerBound
    let locations = table.locations(of: extent.physical..<extent.physical + length, on: device) ?? []
    var known: UInt64 = 0
    for location in locations.sorted(by: { $0.offset < $1.offset }) {
      if location.offset <= known { known = max(known, location.offset &+ UInt64(location.range.count)) }
      if let missing = cover.firstMissing(of: location, from: extent.logical.lowerBound) {
        return "disk \(location.disk) at \(hex(missing)) is missing"
      }
    }
    if known < length { found.insert(.lost) }
    return nil
  }

  /// Finds a range that begins where no extent is.
  private func strayRange(_ ranges: [MappedRange], _ extents: [GuestExtent]) -> String? {
    let sorted = extents.sorted { $0.physical < $1.physical }
    for range in ranges {
      let start = range.range.lowerBound
      let addresses = table.parts(of: device, heldBy: start..<start + 1, ofDisk: Int(range.disk)).map(
        \.range.lowerBound)
      let isKnown = addresses.contains { address in
        let next = sorted.partitioningIndex { $0.physical > address }
        guard next > 0 else { return false }
        let extent = sorted[next - 1]
        let length = UInt64(extent.logical.count)
        return address - extent.physical < (extent.isEncoded ? max(length, Self.maximumEncoded) : length)
      }
      guard isKnown else { return "disk \(range.disk) at \(hex(start)) is not where the file is" }
    }
    return nil
  }
}

extension Explanation {
  /// Explains an NTFS file from ntfsinfo(8)'s lines about its data attribute.
  package init(attribute lines: [Substring], ranges: [MappedRange]) {
    func value(_ name: String) -> Substring? {
      lines.first { $0.contains(name) }.flatMap { $0.fields.last }
    }
    // The lowest bit of the attribute's flags stands for compressed data.
    let flags = value("Attribute flags:").flatMap { UInt32($0.dropFirst(2), radix: 16) } ?? 0
    if value("Resident:") == "Yes", ranges.isEmpty {
      self = .excepted(.inline)
    } else if flags & 1 != 0 {
      self = .excepted(.compressed)
    } else {
      self = .none(nil)
    }
  }
}
