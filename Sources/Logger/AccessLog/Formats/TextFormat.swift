import BlockMap
import Glibc

/// The text format, for people and for grep:
///
///     read f /dev/sda1 /boot/vmlinuz
///      a10400-a18400 a18400-a20200
///     read d /dev/sda1 /usr/share
///      541400-542400
///
/// There is an object line, `OPERATION KIND DEVICE [PATH]` with names as in the map, whenever the operation or the
/// object changes. Below it, a line that begins with a space has the ranges that followed, in hex; the end is
/// exclusive. Adjacent object lines share the ranges below them: the object has several names. The object line of a
/// range that no object covers is `read -`. When the log was idle, or the line has become long, the ranges continue on
/// another line without a new object line. A line that begins with `#` is a comment.
///
/// With offsets, each range is followed by ` +HEX`: where in the object it begins. If this differs between the objects
/// of the lines above, there is one offset for each, in their order, separated by commas. ` stale` follows a range that
/// has been written since the map was made. A range on a disk other than the first has the disk's number and a colon
/// before it, as in `2:a10400-a18400`. A flush has the object line `flush -` and no ranges.
package struct TextFormat: LogFormat {
  /// In bytes: a line of ranges that has become this long is not continued.
  private static let longLine = 4096
  /// The approximate maximum output for one request in bytes, as names can be long and parts many.
  private static let maximumBytes = 16 << 20

  /// The object lines above a line of ranges.
  private struct Heading {
    var operation: Operation
    var objects: [ObjectID]
  }

  /// A range that is not yet written, because the next one may continue it. Its arrays are reused.
  private struct Pending {
    var disk: UInt8 = 1
    var range: Range<UInt64> = 0..<0
    var objects: [ObjectID] = []
    /// One for each object.
    var offsets: [UInt64] = []
    var unnamed = 0
    var isStale = false
    var isRest = false
  }

  private let writesOffsets: Bool
  private var heading = Heading(operation: .read, objects: [])
  private var hasHeading = false
  /// The length of the open line of ranges, or 0 if none is open.
  private var lineLength = 0
  private var pending = Pending()
  private var hasPending = false
  private var next = Pending()

  /// - Parameter offsets: whether to write the offset of each range in its object. The map must have offsets.
  package init(offsets: Bool = false) { writesOffsets = offsets }

  package mutating func append(
    _ event: AccessEvent, _ request: AttributedRequest, _ map: SharedMap?, to output: inout [UInt8]
  ) {
    let before = output.count
    for part in request.parts.indices {
      guard output.count - before < Self.maximumBytes else {
        flush(event.operation, map, to: &output)
        var rest = AttributedRequest()
        rest.addToRest(request.parts[part].range.lowerBound..<event.range.upperBound)
        fillNext(0, of: rest, on: event.disk)
        swap(&pending, &next)
        hasPending = true
        break
      }
      guard request.parts[part].isSelected else {
        flush(event.operation, map, to: &output)
        continue
      }
      fillNext(part, of: request, on: event.disk)
      if hasPending, continuesPending() {
        pending.range = pending.range.lowerBound..<next.range.upperBound
      } else {
        flush(event.operation, map, to: &output)
        swap(&pending, &next)
        hasPending = true
      }
    }
    flush(event.operation, map, to: &output)
    if event.operation == .flush, request.isUnfiltered {
      endLine(in: &output)
      hasHeading = false
      output.append(contentsOf: "flush -\n".utf8)
    }
    if let errno = event.errno, errno != 0, output.count > before || request.isUnfiltered {
      endLine(in: &output)
      appendFailure(event, errno, to: &output)
    }
  }

  package mutating func endLine(in output: inout [UInt8]) {
    if lineLength > 0 { output.append(0x0a) }
    lineLength = 0
  }

  package mutating func restart() {
    hasHeading = false
    lineLength = 0
  }

  package func appendLoss(of count: UInt64, because reason: String, to output: inout [UInt8]) {
    output.append(contentsOf: "# \(count) requests were not logged: \(reason)\n".utf8)
  }

  private mutating func fillNext(_ part: Int, of request: AttributedRequest, on disk: UInt8) {
    next.disk = disk
    next.range = request.parts[part].range
    next.isStale = request.parts[part].isStale
    next.isRest = request.parts[part].isRest
    next.objects.removeAll(keepingCapacity: true)
    next.offsets.removeAll(keepingCapacity: true)
    let named = request.named(in: part)
    for index in named {
      let owner = request[owner: index]
      guard !next.objects.contains(owner.object) else { continue }
      next.objects.append(owner.object)
      if writesOffsets { next.offsets.append(owner.offset) }
    }
    next.unnamed = named.count == request.owners(of: part).count ? request.parts[part].unlisted : 0
  }

  /// Whether the next range has the same names as the pending one and continues it. So a boundary of something broader,
  /// such as a volume's extent, does not split a file.
  private func continuesPending() -> Bool {
    guard pending.objects == next.objects, pending.unnamed == next.unnamed, pending.isStale == next.isStale,
      pending.isRest == next.isRest
    else { return false }
    let length = pending.range.upperBound - pending.range.lowerBound
    return zip(pending.offsets, next.offsets).allSatisfy { $0 &+ length == $1 }
  }

  /// Writes the pending range.
  private mutating func flush(_ operation: Operation, _ map: SharedMap?, to output: inout [UInt8]) {
    guard hasPending else { return }
    hasPending = false
    if pending.isRest {
      endLine(in: &output)
      hasHeading = false
      output.append(contentsOf: "# too many pieces: what lies under the rest of this request is not said\n".utf8)
    }
    if !hasHeading || heading.operation != operation || heading.objects != pending.objects {
      endLine(in: &output)
      hasHeading = true
      heading.operation = operation
      heading.objects.removeAll(keepingCapacity: true)
      for index in pending.objects.indices { heading.objects.append(pending.objects[index]) }
      appendObjects(operation, pending, map, to: &output)
    } else if lineLength >= Self.longLine {
      endLine(in: &output)
    }
    let before = output.count
    appendRange(pending.range, disk: pending.disk, to: &output)
    appendOffsets(pending.offsets, to: &output)
    if pending.isStale { output.append(contentsOf: " stale".utf8) }
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
    _ operation: Operation, _ part: Pending, _ map: SharedMap?, to output: inout [UInt8]
  ) {
    guard let map, !part.objects.isEmpty else {
      output.append(contentsOf: operation.word.utf8)
      output.append(contentsOf: " -\n".utf8)
      return
    }
    for index in part.objects.indices {
      let object = part.objects[index]
      output.append(contentsOf: operation.word.utf8)
      output.append(0x20)
      output.append(map.index.map.objects.kind(of: object).rawValue)
      output.append(0x20)
      map.index.map.objects.appendEscapedName(of: object, to: &output)
      output.append(0x0a)
    }
    if part.unnamed > 0 { output.append(contentsOf: "# and \(part.unnamed) more\n".utf8) }
  }

  private func appendFailure(_ event: AccessEvent, _ errno: Int32, to output: inout [UInt8]) {
    output.append(contentsOf: "# \(event.operation.word)".utf8)
    if event.operation != .flush { appendRange(event.range, disk: event.disk, to: &output) }
    output.append(contentsOf: " failed: \(String(cString: strerror(errno)))\n".utf8)
  }
}
