import BlockMap

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
public struct TextForm: LogForm {
  /// How long a line of ranges may become before another is begun, in bytes.
  private static let longLine = 4096

  private var attribution: Attribution
  /// What the last object lines said.
  private var operation: Operation?
  private var objects: [ObjectID] = []
  /// The length of the line of ranges that is open; 0 if none is.
  private var lineLength = 0

  public init(index: MapIndex?) {
    attribution = Attribution(index: index)
  }

  public mutating func append(_ event: AccessEvent, to output: inout [UInt8]) {
    let table = attribution.objects
    for part in attribution.parts(of: event) {
      if operation != event.operation || objects != part.objects {
        endLine(in: &output)
        operation = event.operation
        objects = part.objects
        appendObjects(event.operation, part, table, to: &output)
      } else if lineLength >= Self.longLine {
        endLine(in: &output)
      }
      let before = output.count
      output.append(0x20)
      HexNumber.append(part.range.lowerBound, to: &output)
      output.append(0x2d)
      HexNumber.append(part.range.upperBound, to: &output)
      lineLength += output.count - before
    }
  }

  public mutating func endLine(in output: inout [UInt8]) {
    if lineLength > 0 { output.append(0x0a) }
    lineLength = 0
  }

  public mutating func restart() {
    operation = nil
    objects = []
    lineLength = 0
  }

  public func appendLoss(of count: UInt64, because reason: String, to output: inout [UInt8]) {
    output.append(contentsOf: "# \(count) requests were not logged: \(reason)\n".utf8)
  }

  private func appendObjects(
    _ operation: Operation, _ part: Attribution.Part, _ table: ObjectTable?, to output: inout [UInt8]
  ) {
    guard let table, !part.objects.isEmpty else {
      output.append(contentsOf: "\(operation.word) -\n".utf8)
      return
    }
    for object in part.objects {
      output.append(contentsOf: "\(operation.word) ".utf8)
      output.append(table.kind(of: object).rawValue)
      output.append(0x20)
      table.appendEscapedName(of: object, to: &output)
      output.append(0x0a)
    }
    if part.unnamed > 0 { output.append(contentsOf: "# and \(part.unnamed) more\n".utf8) }
  }
}
