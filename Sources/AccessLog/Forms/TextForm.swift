import BlockMap
import Glibc

/// The text form, for people and for grep:
///
///     read f /dev/sda1 /boot/vmlinuz
///      a10400-a18400 a18400-a20200
///     read d /dev/sda1 /usr/share
///      541400-542400
///
/// An object line, `OPERATION KIND DEVICE [PATH]` with names as the map writes them, whenever the operation or
/// the object changes; then a line that begins with a space, of the ranges that followed, in hex, end exclusive.
/// Object lines that stand together share the ranges below them: the object has several names. A range that no
/// object covers has the object line `read -`. When the log was idle, or the line has become long, a further
/// line of ranges goes on without repeating the object line. A line that begins with `#` is a remark.
///
/// With offsets each range is followed by ` +HEX`: where in the object it begins. If that differs between the objects
/// of the lines above, it is one for each, in their order, with commas between them. ` stale` follows a range that was
/// written since the map was made. A range of another disk than the first one has the disk's number and a colon before
/// it, as in `2:a10400-a18400`. A flush has the object line `flush -` and no ranges.
public struct TextForm: LogForm {
  /// How long a line of ranges may become before another is begun, in bytes.
  private static let longLine = 4096

  /// What stands on the lines above a line of ranges.
  private struct Heading: Equatable {
    var operation: Operation
    var objects: [ObjectID]
  }

  /// A range that is not yet written, since what follows may continue it.
  private struct Pending {
    var disk: UInt8
    var range: Range<UInt64>
    var objects: [ObjectID] = []
    /// Of each object.
    var offsets: [UInt64] = []
    var unnamed = 0
    var isStale = false
  }

  private let writesOffsets: Bool
  private var attribution: Attribution
  private var selection: MemorizedSelection
  private var heading: Heading?
  /// The length of the line of ranges that is open; 0 if none is.
  private var lineLength = 0
  private var pending: Pending?

  /// - Parameter offsets: whether to say where in its object a range is. The map has to know.
  public init(
    index: MapIndex?, selection: Selection = Selection(), offsets: Bool = false,
    written: WrittenRanges = WrittenRanges()
  ) {
    attribution = Attribution(index: index, written: written.sectors)
    self.selection = MemorizedSelection(selection, of: index?.map.objects)
    writesOffsets = offsets
  }

  public mutating func append(_ event: AccessEvent, to output: inout [UInt8]) {
    let before = output.count
    let table = attribution.objects
    let request = attribution(event)
    for part in request.parts.indices {
      guard selection.keeps(request.named(in: part), table) else {
        flush(event.operation, table, to: &output)
        continue
      }
      let next = pending(part, of: request, on: event.disk)
      if let joined = pending.flatMap({ join($0, next) }) {
        pending = joined
      } else {
        flush(event.operation, table, to: &output)
        pending = next
      }
    }
    flush(event.operation, table, to: &output)
    if event.operation == .flush, selection.isEverything {
      endLine(in: &output)
      heading = nil
      output.append(contentsOf: "flush -\n".utf8)
    }
    if event.errno != 0, output.count > before || selection.isEverything {
      endLine(in: &output)
      appendFailure(event, to: &output)
    }
  }

  public mutating func endLine(in output: inout [UInt8]) {
    if lineLength > 0 { output.append(0x0a) }
    lineLength = 0
  }

  public mutating func restart() {
    heading = nil
    lineLength = 0
  }

  public func appendLoss(of count: UInt64, because reason: String, to output: inout [UInt8]) {
    output.append(contentsOf: "# \(count) requests were not logged: \(reason)\n".utf8)
  }

  private func pending(_ part: Int, of request: AttributedRequest, on disk: UInt8) -> Pending {
    var result = Pending(disk: disk, range: request.parts[part].range, isStale: request.parts[part].isStale)
    let named = request.named(in: part)
    for owner in named where !result.objects.contains(owner.object) {
      result.objects.append(owner.object)
      if writesOffsets { result.offsets.append(owner.offset) }
    }
    if named.count == request.owners(of: part).count { result.unnamed = request.parts[part].unlisted }
    return result
  }

  /// Both as one, where they are named alike. A border of something broader, such as a volume's extent, splits no file.
  private func join(_ first: Pending, _ next: Pending) -> Pending? {
    guard first.objects == next.objects, first.unnamed == next.unnamed, first.isStale == next.isStale else {
      return nil
    }
    let length = first.range.upperBound - first.range.lowerBound
    guard zip(first.offsets, next.offsets).allSatisfy({ $0 &+ length == $1 }) else { return nil }
    var joined = first
    joined.range = first.range.lowerBound..<next.range.upperBound
    return joined
  }

  /// Writes the range that waited.
  private mutating func flush(_ operation: Operation, _ table: ObjectTable?, to output: inout [UInt8]) {
    guard let part = pending else { return }
    pending = nil
    let next = Heading(operation: operation, objects: part.objects)
    if heading != next {
      endLine(in: &output)
      heading = next
      appendObjects(operation, part, table, to: &output)
    } else if lineLength >= Self.longLine {
      endLine(in: &output)
    }
    let before = output.count
    appendRange(part.range, disk: part.disk, to: &output)
    appendOffsets(part.offsets, to: &output)
    if part.isStale { output.append(contentsOf: " stale".utf8) }
    lineLength += output.count - before
  }

  private func appendRange(_ range: Range<UInt64>, disk: UInt8, to output: inout [UInt8]) {
    output.append(0x20)
    if disk != 1 { output.append(contentsOf: "\(disk):".utf8) }
    HexNumber.append(range.lowerBound, to: &output)
    output.append(0x2d)
    HexNumber.append(range.upperBound, to: &output)
  }

  private func appendOffsets(_ offsets: [UInt64], to output: inout [UInt8]) {
    guard let first = offsets.first else { return }
    let isOne = offsets.allSatisfy { $0 == first }
    output.append(contentsOf: " +".utf8)
    for (number, offset) in offsets.prefix(isOne ? 1 : offsets.count).enumerated() {
      if number > 0 { output.append(0x2c) }
      HexNumber.append(offset, to: &output)
    }
  }

  private func appendObjects(
    _ operation: Operation, _ part: Pending, _ table: ObjectTable?, to output: inout [UInt8]
  ) {
    guard let table, !part.objects.isEmpty else {
      output.append(contentsOf: operation.word.utf8)
      output.append(contentsOf: " -\n".utf8)
      return
    }
    for object in part.objects {
      output.append(contentsOf: operation.word.utf8)
      output.append(0x20)
      output.append(table.kind(of: object).rawValue)
      output.append(0x20)
      table.appendEscapedName(of: object, to: &output)
      output.append(0x0a)
    }
    if part.unnamed > 0 { output.append(contentsOf: "# and \(part.unnamed) more\n".utf8) }
  }

  private func appendFailure(_ event: AccessEvent, to output: inout [UInt8]) {
    output.append(contentsOf: "# \(event.operation.word)".utf8)
    if event.operation != .flush { appendRange(event.range, disk: event.disk, to: &output) }
    output.append(contentsOf: " failed: \(String(cString: strerror(event.errno)))\n".utf8)
  }
}
