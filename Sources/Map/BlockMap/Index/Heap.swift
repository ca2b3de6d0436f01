/// A binary min-heap.
struct Heap<Element: Comparable> {
  private var elements: [Element] = []

  /// The smallest element, or nil if the heap is empty.
  var first: Element? { elements.first }

  mutating func insert(_ element: Element) {
    elements.append(element)
    var index = elements.count - 1
    while index > 0, case let parent = (index - 1) / 2, elements[index] < elements[parent] {
      elements.swapAt(index, parent)
      index = parent
    }
  }

  /// - Returns: the least element, or nil if the heap is empty.
  mutating func removeFirst() -> Element? {
    guard let last = elements.popLast() else { return nil }
    guard let first = elements.first else { return last }
    elements[0] = last
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < elements.count && elements[child] < elements[least] {
        least = child
      }
      guard least != index else { return first }
      elements.swapAt(index, least)
      index = least
    }
  }
}
