import AccessLog
import BlockMap
import Bytes
import LogReading

/// Finds the phases of a boot in a log. A phase that was left does not begin again.
package struct BootPhases: Sendable {
  /// How many objects of a phase are named.
  private static let namedObjects = 10

  /// The phases, in order. Empty if the log does not look like a boot.
  package private(set) var all: [BootPhase] = []

  /// What is known about an object's name, by its number.
  private enum Verdict: Sendable {
    case unknown
    case noPhase
    case begins(BootPhase.Name)
  }
  private var verdicts: [Verdict] = []
  /// The bytes read in the current phase, by the number of the object, and the objects that have any.
  private var bytes: [UInt64] = []
  private var touched: [ObjectID] = []

  package init() {}

  /// Adds a request, in the order of the log.
  /// - Parameters:
  ///   - moment: when it began.
  ///   - selected: the objects that are counted. All can begin a phase.
  package mutating func add(
    _ request: borrowing LoggedRequest, at moment: UInt64, _ table: borrowing ObjectTable,
    _ selected: inout SelectedObjects
  ) {
    guard request.operation == .read else { return }
    var isCounted = false
    for piece in request.pieces {
      let named = request.named(of: piece)
      notice(named, at: moment, table)
      guard selected.keeps(named.first?.object, table), !piece.range.isEmpty else { continue }
      count(named.first?.object, bytes: piece.range.upperBound - piece.range.lowerBound)
      isCounted = true
    }
    if isCounted { countRequest(until: moment) }
  }

  /// Begins a phase if these objects are read first in it.
  private mutating func notice(
    _ named: ArraySlice<LoggedRequest.Owner>, at moment: UInt64, _ table: borrowing ObjectTable
  ) {
    guard all.last?.name != .services else { return }
    for owner in named {
      guard let name = phase(of: owner.object, table), all.last.map({ $0.name < name }) ?? true else { continue }
      closeLast()
      all.append(BootPhase(name, at: moment))
    }
  }

  /// Counts a piece that was read.
  private mutating func count(_ object: ObjectID?, bytes count: UInt64) {
    guard !all.isEmpty else { return }
    all[all.count - 1].bytes = all[all.count - 1].bytes.addingSaturated(count)
    guard let object else { return }
    let index = Int(object.rawValue)
    if index >= bytes.count { bytes += Array(repeating: 0, count: index + 1 - bytes.count) }
    if bytes[index] == 0 { touched.append(object) }
    bytes[index] = bytes[index].addingSaturated(count)
  }

  /// Counts a read request.
  private mutating func countRequest(until moment: UInt64) {
    guard !all.isEmpty else { return }
    all[all.count - 1].requests &+= 1
    all[all.count - 1].end = max(all[all.count - 1].end, moment)
  }

  /// Call this after the last request.
  package mutating func finish() {
    closeLast()
    // A kernel that looks for partitions reads the boot code, too. Without a kernel, nothing was loaded from this disk.
    let names = Set(all.map(\.name))
    if !names.contains(.kernel) { all.removeAll { $0.name == .bootLoader } }
    // Any running system reads the programs of services.
    if !names.contains(.kernel), !names.contains(.userspace) { all.removeAll() }
  }

  private mutating func closeLast() {
    guard !all.isEmpty else { return }
    all[all.count - 1].objects = touched.count
    let order = touched.sorted { a, b in
      let (bytesA, bytesB) = (bytes[Int(a.rawValue)], bytes[Int(b.rawValue)])
      return bytesA != bytesB ? bytesA > bytesB : a.rawValue < b.rawValue
    }
    all[all.count - 1].most = order.prefix(Self.namedObjects).map { ($0, bytes[Int($0.rawValue)]) }
    for object in touched { bytes[Int(object.rawValue)] = 0 }
    touched.removeAll(keepingCapacity: true)
  }

  private mutating func phase(of object: ObjectID, _ table: borrowing ObjectTable) -> BootPhase.Name? {
    let index = Int(object.rawValue)
    if index >= verdicts.count { verdicts += Array(repeating: .unknown, count: index + 1 - verdicts.count) }
    switch verdicts[index] {
    case .noPhase: return nil
    case .begins(let name): return name
    case .unknown:
      let name = PhaseNames.phase(of: object, table)
      verdicts[index] = name.map { .begins($0) } ?? .noPhase
      return name
    }
  }
}
