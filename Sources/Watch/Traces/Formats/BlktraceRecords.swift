import AccessLog
import Bytes

/// The records of blktrace(8), as `blktrace -o -` and `blkparse -d` write them: a header of 48 bytes, and further data
/// whose length it says. The source of the layout is linux/blktrace_api.h.
struct BlktraceRecords: TraceFormat {
  static let name = "blktrace"

  private static let headerBytes = 48
  /// The version is in the lowest byte.
  private static let magic: UInt32 = 0x6561_7400
  private static let version: UInt32 = 7

  private enum Category {
    static let write: UInt32 = 1 << 1
    static let flush: UInt32 = 1 << 2
    /// A command that goes through to the device.
    static let command: UInt32 = 1 << 9
    static let notification: UInt32 = 1 << 10
    static let discard: UInt32 = 1 << 13
  }

  private let isBigEndian: Bool
  private var requests: BlockRequests
  private var names = DeviceNames()

  init(_ start: TraceStart) {
    isBigEndian = !start.bytes.isEmpty && start.bytes[0] == 0x65
    var last: BlockStage?
    var position = 0
    while last != .completed, let record = Record(start.bytes, at: position, isBigEndian) {
      last = [last, record.stage].compactMap { $0 }.max()
      position += record.length
    }
    requests = BlockRequests(counted: last)
  }

  var counted: String? { requests.countedWords }

  static func recognizes(_ start: TraceStart) -> Bool {
    guard start.bytes.count >= 4 else { return false }
    let value = start.bytes.loadUnaligned(as: UInt32.self)
    return [UInt32(littleEndian: value), UInt32(bigEndian: value)].contains { $0 & ~0xff == magic }
  }

  mutating func read(_ block: UnsafeRawBufferPointer, into trace: inout TraceEvents) throws(TraceProblem) -> Int {
    var position = 0
    while let record = Record(block, at: position, isBigEndian) {
      trace.line &+= 1
      guard record.magic & ~0xff == Self.magic else { throw TraceProblem("not a record of blktrace") }
      guard record.magic & 0xff == Self.version else {
        throw TraceProblem("version \(record.magic & 0xff) of the records is not known: give the text of blkparse")
      }
      try add(record, to: &trace)
      position += record.length
    }
    return position
  }

  private mutating func add(_ record: Record, to trace: inout TraceEvents) throws(TraceProblem) {
    guard record.category & Category.notification == 0 else { return trace.skip() }
    trace.pass(record.time)
    guard let stage = record.stage, record.category & Category.command == 0 else { return }
    let source = try names.source(of: record.device, &trace)
    // A flush can have any sector.
    guard let range = record.bytes == 0 ? 0..<0 : byteRange(record.sector.times(512), length: UInt64(record.bytes))
    else { throw TraceProblem("the sectors do not fit in 64 bits") }
    requests.add(
      BlockRequests.Event(
        stage: stage, operation: record.operation, range: range, time: record.time,
        errno: stage == .completed ? blockErrno(Int64(record.error)) : nil),
      source: source, in: &trace)
  }

  /// A record, without the data after it.
  private struct Record {
    let magic: UInt32
    let time: UInt64
    let sector: UInt64
    let bytes: UInt32
    let action: UInt32
    let device: UInt32
    let error: UInt16
    let length: Int

    /// - Returns: nil if the record is not whole.
    init?(_ block: UnsafeRawBufferPointer, at position: Int, _ isBigEndian: Bool) {
      guard block.count - position >= BlktraceRecords.headerBytes else { return nil }
      func field<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: Value.Type) -> Value {
        let value = block.loadUnaligned(fromByteOffset: position + offset, as: type)
        return isBigEndian ? Value(bigEndian: value) : Value(littleEndian: value)
      }
      magic = field(0, UInt32.self)
      time = field(8, UInt64.self)
      sector = field(16, UInt64.self)
      bytes = field(24, UInt32.self)
      action = field(28, UInt32.self)
      device = field(36, UInt32.self)
      error = field(44, UInt16.self)
      length = BlktraceRecords.headerBytes + Int(field(46, UInt16.self))
      guard block.count - position >= length else { return nil }
    }

    var category: UInt32 { action >> 16 }

    var stage: BlockStage? {
      // A bit above the action's number says that a control group's number follows the header.
      switch action & 0xff {
      case 1: .queued
      case 7: .issued
      case 8: .completed
      default: nil
      }
    }

    var operation: Operation? {
      guard bytes > 0 else { return category & Category.flush != 0 ? .flush : nil }
      if category & Category.discard != 0 { return .trim }
      return category & Category.write != 0 ? .write : .read
    }
  }

  /// The sources for numbers of devices, which have 20 bits for the minor number.
  private struct DeviceNames {
    private var last: (device: UInt32, source: Int)?

    mutating func source(of device: UInt32, _ trace: inout TraceEvents) throws(TraceProblem) -> Int {
      if let last, last.device == device { return last.source }
      let source = try trace.sources.number(of: "\(device >> 20),\(device & 0xfffff)")
      last = (device, source)
      return source
    }
  }
}
