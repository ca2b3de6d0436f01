import BlockMap

/// A phase of a boot, as far as a log can tell: from the first read of something that only this phase reads, until the
/// next phase begins.
package struct BootPhase: Sendable {
  /// In the order in which they follow each other.
  package enum Name: UInt8, CaseIterable, Comparable, Sendable {
    case bootLoader
    case kernel
    case userspace
    case services

    package var words: String {
      switch self {
      case .bootLoader: "boot loader"
      case .kernel: "kernel and initrd"
      case .userspace: "early userspace"
      case .services: "services"
      }
    }

    package static func < (a: Name, b: Name) -> Bool { a.rawValue < b.rawValue }
  }

  package let name: Name
  /// `AccessFigures.Moment`.
  package let begin: UInt64
  /// The moment of the last read.
  package internal(set) var end: UInt64
  /// What was read.
  package internal(set) var requests: UInt64 = 0
  package internal(set) var bytes: UInt64 = 0
  /// How many objects were read.
  package internal(set) var objects = 0
  /// What was read most, and how many bytes.
  package internal(set) var most: [(object: ObjectID, bytes: UInt64)] = []

  init(_ name: Name, at moment: UInt64) {
    (self.name, begin, end) = (name, moment, moment)
  }
}
