import Glibc

extension Array where Element: BitwiseCopyable {
  /// Reserves memory for an empty array and asks the kernel to back it with huge pages. With 4 KiB pages, nearly
  /// every random access to a large array also misses the TLB.
  mutating func reserveCapacityInHugePages(_ capacity: Int) {
    reserveCapacity(capacity)
    withUnsafeMutableBufferPointer { elements in
      guard let base = UnsafeMutableRawPointer(elements.baseAddress) else { return }
      let first = base.alignedUp(toMultipleOf: Int(getpagesize()))
      let last = (base + capacity * MemoryLayout<Element>.stride).alignedDown(toMultipleOf: Int(getpagesize()))
      // This is only a hint: without huge pages, look-ups are slower but correct.
      if first < last { madvise(first, last - first, MADV_HUGEPAGE) }
    }
  }
}
