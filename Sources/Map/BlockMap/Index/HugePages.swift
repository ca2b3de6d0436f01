import Glibc

extension Array where Element: BitwiseCopyable {
  /// Reserves memory for an empty array, and asks the kernel to use huge pages for it: with pages of 4 KiB each read at
  /// random of a large array waits for the page's address, too.
  mutating func reserveCapacityInHugePages(_ capacity: Int) {
    reserveCapacity(capacity)
    withUnsafeMutableBufferPointer { elements in
      guard let base = UnsafeMutableRawPointer(elements.baseAddress) else { return }
      let first = base.alignedUp(toMultipleOf: Int(getpagesize()))
      let last = (base + capacity * MemoryLayout<Element>.stride).alignedDown(toMultipleOf: Int(getpagesize()))
      // Only a wish: without huge pages it is slower.
      if first < last { madvise(first, last - first, MADV_HUGEPAGE) }
    }
  }
}
