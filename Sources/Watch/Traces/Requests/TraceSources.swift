import Glibc

/// What the requests of a trace are of: devices, connections, files or pointers, by the names that the trace has for
/// them. They are numbered from 0 in the order in which they appear.
package struct TraceSources {
  private static let most = 1024
  private static let longestName = 4096

  /// As the trace has them, not escaped.
  package private(set) var names: [[UInt8]] = []
  /// How many requests each has.
  package private(set) var requests: [UInt64] = []
  /// The size of the disk in bytes, if the trace says it.
  package private(set) var sizes: [UInt64?] = []
  private var last = 0

  /// The number of a source, which is added if it is new.
  @inline(__always)
  mutating func number(of name: UnsafeRawBufferPointer) throws(TraceProblem) -> Int {
    if last < names.count, Self.areEqual(names[last], name) { return last }
    return try find(name)
  }

  private mutating func find(_ name: UnsafeRawBufferPointer) throws(TraceProblem) -> Int {
    if let known = names.firstIndex(where: { Self.areEqual($0, name) }) {
      last = known
      return known
    }
    return try add(Array(name))
  }

  /// The same for a name that the format makes.
  mutating func number(of name: String) throws(TraceProblem) -> Int {
    let name = Array(name.utf8)
    if let known = names.firstIndex(of: name) { return known }
    return try add(name)
  }

  private mutating func add(_ name: [UInt8]) throws(TraceProblem) -> Int {
    guard names.count < Self.most else { throw TraceProblem("requests of more than \(Self.most) devices") }
    guard name.count <= Self.longestName else { throw TraceProblem("a name of more than \(Self.longestName) bytes") }
    names.append(name)
    requests.append(0)
    sizes.append(nil)
    last = names.count - 1
    return last
  }

  @inline(__always)
  private static func areEqual(_ known: [UInt8], _ name: UnsafeRawBufferPointer) -> Bool {
    known.withUnsafeBytes { known in
      guard known.count == name.count, let a = known.baseAddress, let b = name.baseAddress else {
        return known.count == name.count
      }
      return memcmp(a, b, known.count) == 0
    }
  }

  /// - Parameter size: in bytes.
  mutating func setSize(_ size: UInt64, of source: Int) { sizes[source] = size }

  @inline(__always)
  mutating func count(_ source: Int) { requests[source] &+= 1 }
}
