import BlockStack
import DiskImage

extension TableBytes {
  package init(_ disk: any VirtualDisk) {
    self.init(size: disk.size) { offset, count in
      var bytes = [UInt8](repeating: 0, count: count)
      do {
        try bytes.withUnsafeMutableBytes { try disk.read(into: $0, at: offset) }
      } catch {
        return nil
      }
      return bytes
    }
  }
}
