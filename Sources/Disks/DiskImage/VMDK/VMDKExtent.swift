import Glibc
import SystemPackage

/// A part of a VMDK, described by one line of its descriptor.
struct VMDKExtent: Sendable {
  enum Storage: Sendable {
    /// All zeros, without a file.
    case zero
    /// Part of the disk, but not readable: its file is not opened. Every read throws this error.
    case inaccessible(DiskError)
    /// As they are, in a file, starting at the offset `start` (in bytes).
    case flat(HostFile, start: UInt64)
    case grains(GrainExtent)
  }

  /// In bytes; never 0.
  let size: UInt64
  let storage: Storage

  /// The longest run, starting at `position` and ending at most at `end`, that is stored in one way.
  /// - Parameters: in bytes; `position` is less than `end`, and `end` is at most `size`.
  func run(at position: UInt64, upTo end: UInt64) -> ExtentRun {
    switch storage {
    case .zero: ExtentRun(content: .zero, end: end)
    case .inaccessible(let error): ExtentRun(content: .inaccessible(error), end: end)
    case .flat(let file, let start): ExtentRun(content: .flat(file, at: start &+ position), end: end)
    case .grains(let grains): grains.run(at: position, upTo: end)
    }
  }

  /// `nil` if the extent has no file, or if it must not be read.
  var file: HostFile? {
    switch storage {
    case .zero, .inaccessible: nil
    case .flat(let file, _): file
    case .grains(let grains): grains.file
    }
  }

  func close() { file?.close() }
}
