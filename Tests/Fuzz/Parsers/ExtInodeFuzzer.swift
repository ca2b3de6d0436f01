@testable import GuestWalker

extension ParserFuzzer {
  /// An ext4 inode with extended attributes in it.
  static let extInode = ParserFuzzer("ext-inode") { bytes in
    let inode = Array(bytes)
    guard let rest = InlineData.rest(in: inode) else { return }
    try check(!rest.isEmpty && rest.lowerBound >= 128 && rest.upperBound <= inode.count, "\(rest) of \(inode.count)")
  }
}
