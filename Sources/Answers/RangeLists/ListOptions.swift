/// What a list itself does not say.
package struct ListOptions {
  /// The name of its format; nil to recognize it.
  package var format: String?
  /// The status characters of the blocks to take from a ddrescue mapfile; nil for those that could not be read.
  package var statuses: [UInt8]?
  /// The size of badblocks's blocks in bytes; nil for its default.
  package var blockSize: UInt64?

  package init(format: String? = nil, statuses: [UInt8]? = nil, blockSize: UInt64? = nil) {
    self.format = format
    self.statuses = statuses
    self.blockSize = blockSize
  }

  /// Larger units are not those of a disk, and would hide that a list is of another disk.
  package static let largestBlock: UInt64 = 1 << 30
}
