import ArgumentParser
import Glibc
import GuestBoot
import LiveView

/// `virt-bmap top`: shows what a guest accesses while its log is written.
struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap top",
    abstract: "Show live which files a guest reads and writes.",
    usage: "virt-bmap top LOG",
    discussion: """
      LOG is a log of the logger, as text or JSON: a file, a FIFO, or - for standard input. A file is read to its end, \
      and then what is added to it; a FIFO and standard input end the view. Press h for the keys. If standard output \
      is not a terminal, a line is printed each second.

      Exit status: 0, 1 on errors, 3 if the log was cut off or requests are missing.
      """)

  @Argument(help: "Log to watch, or - for standard input.", completion: .file())
  var log: String

  func run() throws {
    // A FIFO waits for its writer here, and Ctrl-C ends the program as usual.
    let input = try FollowedLog(log)
    let live = LiveLog()
    let view = LiveView(live, title: LiveOutput.title("top", input.shownName))
    StopRequests.install()
    try input.start(into: live) { view.end() }
    LiveOutput.show(view, isStopped: { StopRequests.count > 0 }, quit: { StopRequests.add() })
    StopRequests.remove()
    let cutLine = try input.cutLine()
    Messages.lines(TotalsText.lines(of: live), to: 1)
    if let signal = StopRequests.signal, signal != SIGINT { EndBySignal.end(signal) }
    let lost = live.lost
    if lost > 0 { warn("\(lost) requests are missing: the logger could not write them", input) }
    if let cutLine { warn("line \(cutLine): the log ends in the middle of this line, which is left out", input) }
    if lost > 0 || cutLine != nil { throw ExitCode(LoadedMap.partial) }
  }

  private func warn(_ message: String, _ input: FollowedLog) {
    Messages.error("warning: \(InputError(input.shownName, message))")
  }
}
