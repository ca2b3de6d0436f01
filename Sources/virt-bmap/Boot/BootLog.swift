import AccessLog
import BlockMap
import LogReading
import Synchronization

/// The log that `--log` asks for.
final class BootLog {
  private var file: BootFile
  /// The beginning of a line whose end has not come yet: only whole lines are written.
  private var rest: [UInt8] = []
  private let text: AccessLog?
  private let lost = Problem()

  /// Why the text log has gaps.
  private final class Problem: Sendable {
    let reason = Mutex<String?>(nil)
  }

  /// - Parameters:
  ///   - name: the file.
  ///   - map: has the names for a text log.
  init(_ name: String, _ format: BootLogFormat, _ map: BlockMap) throws {
    file = try BootFile(name)
    guard format == .text else {
      text = nil
      return
    }
    let lost = lost
    text = try AccessLog(
      target: FixedTarget(descriptor: file.descriptor), attribution: Attribution(index: MapIndex(map)),
      format: TextFormat(offsets: false)
    ) { message in lost.reason.withLock { $0 = $0 ?? message } }
  }

  /// Adds a part of the log as the logger wrote it.
  func add(_ json: UnsafeRawBufferPointer) {
    guard text == nil else { return }
    guard let end = json.lastIndex(of: 0x0a) else {
      rest += json
      return
    }
    file.write(rest + json[...end])
    rest = Array(json[(end + 1)...])
  }

  /// Adds a request of it.
  func add(_ request: borrowing LoggedRequest) {
    guard let text else { return }
    text.record(
      AccessEvent(
        operation: request.operation, disk: UInt8(clamping: request.disk), connection: request.connection,
        range: request.range, time: request.time.map { MonotonicTime(nanoseconds: $0) }, latency: request.latency,
        errno: request.error.map { ErrnoName.errno(named: $0) } ?? 0))
  }

  /// Writes the rest.
  /// - Throws: `InputError` if something could not be written.
  func close() throws {
    text?.close()
    if let reason = lost.reason.withLock({ $0 }) { file.fail(reason) }
    file.close()
    if let failure = file.failure { throw failure }
  }
}
