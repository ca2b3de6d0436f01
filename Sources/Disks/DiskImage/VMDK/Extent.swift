import Glibc
import SystemPackage

/// A part of a VMDK: what one line of its descriptor says.
struct Extent: Sendable {
  enum Storage: Sendable {
    /// No file, all zeros.
    case zero
    /// It takes up room on the disk and cannot be read; its file is not opened. With the error of each read.
    case inaccessible(DiskError)
    /// The bytes of a file from `start` (in bytes) on, one for one.
    case flat(HostFile, start: UInt64)
    case grains(GrainExtent)
  }

  /// In bytes. Not 0.
  let size: UInt64
  let storage: Storage

  /// The longest run from `position`, up to `end`, that is kept in one way.
  /// - Parameters: in bytes; `position` is below `end`, and `end` at most `size`.
  func run(at position: UInt64, upTo end: UInt64) -> ExtentRun {
    switch storage {
    case .zero: ExtentRun(content: .zero, end: end)
    case .inaccessible(let error): ExtentRun(content: .inaccessible(error), end: end)
    case .flat(let file, let start): ExtentRun(content: .flat(file, at: start &+ position), end: end)
    case .grains(let grains): grains.run(at: position, upTo: end)
    }
  }

  /// nil where it has none or may not be read.
  var file: HostFile? {
    switch storage {
    case .zero, .inaccessible: nil
    case .flat(let file, _): file
    case .grains(let grains): grains.file
    }
  }

  func close() { file?.close() }
}
