import BlockMap

/// A map and its index behind one reference. Passing the value itself would update a dozen reference counts for each
/// request.
package final class SharedMap: Sendable {
  let index: MapIndex

  init?(_ index: MapIndex?) {
    guard let index else { return nil }
    self.index = index
  }
}
