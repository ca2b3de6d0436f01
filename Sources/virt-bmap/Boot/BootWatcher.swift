import BlockMap
import GuestBoot
import LiveView
import LogReading
import LogReport

/// Passes on what a guest does: to the log, to the console's file and to the live view.
final class BootWatcher: GuestObserver {
  private let live: LiveLog
  private let view: LiveView
  private let log: BootLog?
  private var consoleFile: BootFile?
  private let printsConsole: Bool
  /// For the summary at the end, of all objects.
  private var phases = BootPhases()
  private var selected = SelectedObjects(ObjectSelection())
  /// Why the logger's log could not be read.
  private(set) var logFailure: (any Error)?

  init(_ live: LiveLog, _ view: LiveView, log: BootLog?, outputs: BootOutputs) throws {
    self.live = live
    self.view = view
    self.log = log
    printsConsole = outputs.console == "-"
    if let name = outputs.console, !printsConsole { consoleFile = try BootFile(name) }
  }

  func log(_ bytes: UnsafeRawBufferPointer) {
    log?.add(bytes)
    guard logFailure == nil else { return }
    do {
      try live.feed(bytes) { request, objects in
        log?.add(request)
        phases.add(request, at: request.time ?? 0, objects, &selected)
      }
    } catch {
      logFailure = error
    }
  }

  func console(_ bytes: UnsafeRawBufferPointer) { consoleFile?.write(bytes) }

  func consoleLine(_ line: [UInt8], isFinished: Bool) {
    view.setConsole(line)
    if printsConsole, isFinished { Messages.write(Messages.printable(answer: line) + [0x0a], to: 1) }
  }

  func isShuttingDown() { view.setStatus("shutting down (Ctrl-C kills)") }

  /// What the guest did, in some lines. Call this when nothing reads the log any more.
  func summary() -> String {
    phases.finish()
    return live.withFigures { figures, objects in
      SummaryText.text(figures, objects, phases: phases.all, rows: 5)
    } ?? ""
  }

  /// - Throws: `InputError` if something could not be written.
  func close() throws {
    consoleFile?.close()
    try log?.close()
    if let failure = consoleFile?.failure { throw failure }
  }
}
