import Appliance
import SystemPackage
import Traces

/// A trace that is read from a file or from standard input, with messages that name it.
struct TraceInput: ~Copyable {
  /// For messages.
  let name: String
  private var reader: TraceReader

  /// - Parameter name: the file, or `-` for standard input.
  /// - Throws: `InputError`.
  init(_ name: String, format: String?) throws {
    let shown = name == "-" ? "standard input" : name
    self.name = shown
    do {
      // The file stays open until the end of the program.
      let file =
        name == "-" ? .standardInput : try FileDescriptor.open(filePath(name), .readOnly, options: [.closeOnExec])
      reader = try TraceReader(file, format: format)
    } catch {
      throw InputError(shown, "\(error)")
    }
  }

  /// Whether the trace names disks of the map itself.
  var namesDisks: Bool { reader.namesDisks }

  /// What the last `read` has read.
  var events: TraceEvents { reader.events }

  /// Whether the program that writes the trace has written nothing more yet.
  var isIdle: Bool { reader.isIdle }

  /// - Returns: false at the end.
  /// - Throws: `InputError`.
  mutating func read() throws -> Bool {
    do {
      return try reader.read()
    } catch {
      throw InputError(name, "\(error)")
    }
  }

  /// Says what the trace consisted of.
  func describe() {
    let requests = counted(Int(clamping: events.sources.requests.reduce(0, &+)), "request")
    let how = reader.counted.map { ", counted \($0)" } ?? ""
    let others = counted(Int(clamping: events.skipped), "other line")
    say("\(requests) in the format \(reader.formatName)\(how); \(others)")
  }

  /// Warns about what is missing from the trace.
  /// - Returns: whether nothing is.
  func warn() -> Bool {
    if let line = events.lineOfStepBack { say("line \(line): the clock goes back: times and latencies may be wrong") }
    if reader.isCut { say("line \(events.line + 1): the trace ends in the middle of this line, which was left out") }
    if events.lost > 0 { say("the trace says that \(events.lost) events were lost when it was made") }
    return !reader.isCut && events.lost == 0
  }

  private func say(_ text: String) { Messages.error(InputError(name, text).description) }
}
