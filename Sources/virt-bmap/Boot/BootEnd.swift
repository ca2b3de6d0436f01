import ArgumentParser
import Glibc
import GuestBoot
import Synchronization

/// How a boot has ended.
struct BootEnd: Sendable {
  let ending: GuestEnding
  /// What the guest did, in some lines.
  let summary: String
  /// Requests that are not in the log.
  let lost: UInt64
  /// What nbdkit has printed.
  let messages: [String]
  let until: String?

  private static let mostMessages = 10

  /// Prints the summary and what went wrong.
  /// - Parameter isPartial: whether the map is not complete.
  /// - Throws: `ExitCode`, or `GuestBootError` if `--until` was not seen.
  func report(isPartial: Bool) throws {
    Messages.write(Messages.printable(answer: Array(summary.utf8)), to: 1)
    for message in problems.prefix(Self.mostMessages) { Messages.error("warning: \(message)") }
    if problems.count > Self.mostMessages {
      Messages.error("warning: nbdkit has printed \(problems.count - Self.mostMessages) more lines like this")
    }
    if lost > 0 { Messages.error("warning: \(lost) requests are missing in the log: the logger could not write them") }
    try checkEnding()
    if isPartial || lost > 0 { throw ExitCode(LoadedMap.partial) }
  }

  /// Errors of the disks, and warnings about the overlays; others were said before.
  private var problems: [String] {
    messages.compactMap { line in
      if let range = line.firstRange(of: "error: ") { return String(line[range.upperBound...]) }
      guard line.contains("overlay"), let range = line.firstRange(of: "warning: ") else { return nil }
      return String(line[range.upperBound...])
    }
  }

  private func checkEnding() throws {
    switch ending {
    case .seen: return
    case .stopped(let isKilled):
      // Ctrl-C is the usual end of a guest that does not end by itself.
      if let signal = StopRequests.signal, isKilled || signal != SIGINT { EndBySignal.end(signal) }
    case .timedOut:
      try notSeen("--timeout was over")
    case .poweredOff:
      try notSeen("the guest ended")
    }
  }

  private func notSeen(_ event: String) throws(GuestBootError) {
    if let until { throw .notSeen("--until \(until): not seen on the console before \(event)") }
  }
}

/// Lets a thread wait for the end of another one.
final class Waiting: Sendable {
  private let hasEnded = Atomic(false)

  func end() { hasEnded.store(true, ordering: .releasing) }

  func wait() { while !hasEnded.load(ordering: .acquiring) { usleep(2000) } }
}
