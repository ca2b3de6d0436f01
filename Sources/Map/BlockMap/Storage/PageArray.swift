import CPrefetch
import Glibc

/// An array for large tables that are written once, at their end, and read at random.
///
/// It begins at a line of the processor's cache and, if it is large, at a huge page, which the kernel is asked for: with
/// pages of 4 KiB a read at random waits for the page's address as long as for its content. The one place of this module
/// that manages memory by itself.
struct PageArray<Element: BitwiseCopyable & Sendable>: Sendable {
  /// Written only while one value alone has it, and only behind what that value holds.
  private final class Storage: Sendable {
    nonisolated(unsafe) let elements: UnsafeMutablePointer<Element>
    let capacity: Int
    nonisolated(unsafe) private let memory: UnsafeMutableRawPointer
    private let size: Int

    private static var hugePage: Int { 2 << 20 }

    init(capacity: Int) {
      let needed = max(capacity, 1) * MemoryLayout<Element>.stride
      // Pages of its own, which were not in use before: the kernel makes a huge one only where there is none yet.
      let alignment = needed < Self.hugePage ? Int(getpagesize()) : Self.hugePage
      size = needed + alignment
      guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        memory != MAP_FAILED
      else { fatalError("out of memory") }
      let aligned = memory.alignedUp(toMultipleOf: alignment)
      // Only a wish: without huge pages it is slower.
      if needed >= Self.hugePage { madvise(aligned, needed, MADV_HUGEPAGE) }
      elements = aligned.bindMemory(to: Element.self, capacity: capacity)
      self.memory = memory
      self.capacity = capacity
    }

    deinit { munmap(memory, size) }
  }

  private var storage: Storage
  private(set) var count = 0

  /// - Parameter capacity: how many elements it is made for. With more, it is made anew twice as large.
  init(capacity: Int) {
    storage = Storage(capacity: capacity)
  }

  subscript(index: Int) -> Element {
    @inline(__always) get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      return storage.elements[index]
    }
    set {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      own(capacity: storage.capacity)
      storage.elements[index] = newValue
    }
  }

  /// Begins to fetch an element that will be read soon.
  @inline(__always)
  func prefetch(_ index: Int) {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    cprefetch(storage.elements + index)
  }

  mutating func append(_ element: Element) {
    own(capacity: count < storage.capacity ? storage.capacity : max(2 * count, 8))
    (storage.elements + count).initialize(to: element)
    count += 1
  }

  /// Sees to it that nobody else has the storage, and that it holds as much.
  private mutating func own(capacity: Int) {
    guard capacity > storage.capacity || !isKnownUniquelyReferenced(&storage) else { return }
    let other = Storage(capacity: capacity)
    other.elements.initialize(from: storage.elements, count: count)
    storage = other
  }
}
