import DiskImage
import DiskLogger
import Glibc
import NBDKit
import SystemPackage

/// The plugin's disk as one client sees it, for reading.
final class NextDisk: VirtualDisk {
  private static let name: FilePath = "the plugin's disk"

  private let next: WholeBlocks

  init(_ next: NextConnection) { self.next = WholeBlocks(next) }

  var size: UInt64 { next.connection.size }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    guard offset <= size, UInt64(buffer.count) <= size - offset else { throw Self.beyondEnd }
    do { try next.read(into: buffer, at: offset) } catch { throw Self.failure(error) }
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    guard range.upperBound <= size else { throw Self.beyondEnd }
    var pending: DiskExtent?
    var isWanted = true
    do {
      try next.extents(in: range, one: false) { extent, state in
        let found = DiskExtent(range: extent, state: DiskExtent.State(state))
        guard let last = pending, last.state == found.state else {
          if let last = pending { isWanted = try body(last) }
          pending = found
          return isWanted
        }
        pending = DiskExtent(range: last.range.lowerBound..<extent.upperBound, state: last.state)
        return true
      }
    } catch let error as DiskError {
      throw error
    } catch {
      throw Self.failure(error)
    }
    if isWanted, let pending { _ = try body(pending) }
  }

  /// Reports one location: nothing is known beyond the plugin.
  func locations(in range: Range<UInt64>, _ body: (DiskLocation) throws(DiskError) -> Bool) throws(DiskError) {
    guard range.upperBound <= size else { throw Self.beyondEnd }
    guard !range.isEmpty else { return }
    _ = try body(DiskLocation(range: range, storage: .file(Self.name, offset: range.lowerBound)))
  }

  /// nbdkit closes the connection.
  func close() {}

  private static var beyondEnd: DiskError { DiskError(name, "a request beyond the end of the disk", errno: EINVAL) }

  private static func failure(_ error: any Error) -> DiskError {
    DiskError(name, "\(error)", errno: (error as? any ErrnoError)?.errnoValue ?? EIO)
  }
}

extension DiskExtent.State {
  fileprivate init(_ state: ExtentState) {
    switch state {
    case .data: self = .data
    case .zero: self = .zero
    case .hole: self = .hole
    }
  }
}
