import BlockMap

/// A map and its index behind one reference: to hand on the value itself would be to count a dozen, for each request.
final class SharedMap: Sendable {
  let index: MapIndex

  init?(_ index: MapIndex?) {
    guard let index else { return nil }
    self.index = index
  }
}
