import BlockMap
import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import AccessLog

/// The index of a map made of lines such as `1 0 1000 v /dev/sda`, for one disk of 1 MiB.
func index(_ lines: String) throws -> MapIndex {
  let text = "# virt-bmap 2\n# disk 1 size=100000 format=raw file=a\n" + lines + "\n"
  var name = Array("/tmp/access-log-XXXXXX".utf8CString)
  let descriptor = FileDescriptor(rawValue: mkstemp(&name))
  let path = name.withUnsafeBufferPointer { name in
    name.baseAddress.map { FilePath(platformString: $0) } ?? FilePath()
  }
  defer { _ = path.withPlatformString { unlink($0) } }
  try descriptor.closeAfter { _ = try descriptor.writeAll(text.utf8) }
  return MapIndex(try BlockMap(contentsOf: path))
}

/// A request for disk 1 on connection 3 that arrived at 12.345678 s and took 98.7 us.
func read(_ range: Range<UInt64>, errno: Int32 = 0) -> AccessEvent { event(.read, range, errno: errno) }

func event(_ operation: Operation, _ range: Range<UInt64>, errno: Int32 = 0) -> AccessEvent {
  AccessEvent(
    operation: operation, disk: 1, connection: 3, range: range, time: MonotonicTime(nanoseconds: 12_345_678_901),
    latency: 98_765, errno: errno)
}

/// Collects the messages that a log reports.
final class Reports: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }
  func add(_ line: String) { lines.withLock { $0.append(line) } }
}

/// A pipe. Ends that are still open are closed when the object is released.
final class TestPipe {
  let reading: FileDescriptor
  private var writing: FileDescriptor?

  init() throws {
    let ends = try FileDescriptor.pipe()
    reading = ends.readEnd
    writing = ends.writeEnd
  }

  deinit {
    try? reading.close()
    closeWriting()
  }

  var descriptor: Int32 { writing?.rawValue ?? -1 }

  func closeWriting() {
    try? writing?.close()
    writing = nil
  }

  /// Waits for data, then returns what can be read at once.
  func some() throws -> String {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = try buffer.withUnsafeMutableBytes { try reading.read(into: $0) }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  /// Returns everything up to the end of the data.
  func rest() throws -> String {
    var all = ""
    while true {
      let next = try some()
      if next.isEmpty { return all }
      all += next
    }
  }
}
