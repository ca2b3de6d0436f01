import BlockMap
import Glibc
import Synchronization
import SystemPackage
import WalkAssembly
import WalkRecord

/// Reads the recorder's stream on a thread of its own, so that the recorder never waits for long, and assembles the
/// walk that is under way.
///
/// A walk whose records cannot be right is given up, with all that came of it; the recorder is told to take no more
/// records until the next one begins.
package final class EventPump: Sendable {
  private struct State {
    var walk: WalkAssembler?
    /// Why the walk was given up.
    var lie: AssemblyError?
    var written = WrittenBlocks()
    var unreadable: [UInt8: UInt64] = [:]
    var failure: String?
    var isOver = false
    var lastEvent = ContinuousClock.now
  }

  private let state = Mutex(State())
  private let descriptor: FileDescriptor
  private let control: FileDescriptor?
  private let reporter: any Reporter
  private let trace: EventTrace?

  /// Takes over `descriptor` and `control`.
  /// - Parameter control: where the recorder is told whether to take records.
  package init(reading descriptor: FileDescriptor, control: FileDescriptor? = nil, reporter: any Reporter)
    throws(MapperError)
  {
    self.descriptor = descriptor
    self.control = control
    self.reporter = reporter
    trace = try EventTrace()
    try startThread { self.run() }
  }

  deinit { try? control?.close() }

  /// What the appliance has written until now.
  package var written: WrittenBlocks { state.withLock { $0.written } }

  /// For each disk, by its number, the lowest offset at which a read failed.
  package var unreadable: [UInt8: UInt64] { state.withLock { $0.unreadable } }

  /// A walk is about to start.
  package func begin(_ bounds: WalkBounds) {
    state.withLock { state in
      tell(.takeRecords)
      state.walk = WalkAssembler(bounds: bounds)
      state.lie = nil
      state.lastEvent = .now
    }
  }

  /// What came of the walk, after its walker has ended. What the walker sent before is in the stream by then, since a
  /// record is in it before the walker's write returns.
  package func finish() throws(MapperError) -> Result<WalkAssembler, AssemblyError> {
    while true {
      let result: Result<WalkAssembler, AssemblyError>? = try state.withLock { state throws(MapperError) in
        if let failure = state.failure { throw .recorder(failure) }
        if let lie = state.lie { return .failure(lie) }
        if let walk = state.walk, walk.isComplete {
          state.walk = nil
          return .success(walk)
        }
        if state.isOver { throw .recorder("it ended early") }
        // What is read is taken with the lock held: an empty pipe is one of which everything was taken.
        var left: Int32 = 0
        guard ioctl(descriptor.rawValue, UInt(FIONREAD), &left) == 0, left == 0 else { return nil }
        state.walk = nil
        return .failure(.noEnd)
      }
      if let result { return result }
      usleep(1000)
    }
  }

  /// Why the walk was given up, if it was, and gives it up otherwise: its walker has failed.
  package func abandon() -> AssemblyError? {
    tell(.refuseRecords)
    return state.withLock { state in
      state.walk = nil
      return state.lie
    }
  }

  /// Gives the walk up if nothing has come for so long.
  /// - Returns: whether it has been given up.
  package func checkSilence(_ patience: Duration) -> Bool {
    state.withLock { state in
      guard state.walk != nil, ContinuousClock.now - state.lastEvent > patience else {
        return state.lie != nil
      }
      state.walk = nil
      state.lie = .silent(seconds: patience.components.seconds)
      tell(.refuseRecords)
      return true
    }
  }

  /// Throws if the recorder has ended: what was not seen since then cannot be told from what is not there.
  package func check() throws(MapperError) {
    if let failure = state.withLock({ $0.failure }) { throw .recorder(failure) }
    if state.withLock({ $0.isOver }) { throw .recorder("it ended early") }
  }

  private func tell(_ word: RecorderControl) {
    // A recorder that is gone is found out elsewhere.
    _ = try? control?.writeAll([word.rawValue])
  }

  private func run() {
    var decoder = RecorderEventDecoder()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer {
      buffer.deallocate()
      state.withLock { $0.isOver = true }
      try? descriptor.close()
      trace?.close()
    }
    var isOver = false
    while !isOver {
      var ready = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
      guard poll(&ready, 1, -1) > 0 || errno == EINTR else { return }
      guard ready.revents != 0 else { continue }
      let outcome = state.withLock { state in
        let outcome = take(buffer, &decoder, &state)
        // With the lock held: the next walk may begin as soon as it is free.
        if outcome.isLie { tell(.refuseRecords) }
        return outcome
      }
      isOver = outcome.isOver
      if let progress = outcome.progress { reporter.progress(progress) }
    }
  }

  private func take(
    _ buffer: UnsafeMutableRawBufferPointer, _ decoder: inout RecorderEventDecoder, _ state: inout State
  ) -> (isOver: Bool, isLie: Bool, progress: Double?) {
    guard let count = try? descriptor.read(into: buffer), count > 0 else { return (true, false, nil) }
    state.lastEvent = .now
    let wasLie = state.lie != nil
    do {
      var events: [RecorderEvent] = []
      try decoder.decode(UnsafeRawBufferPointer(rebasing: buffer[..<count])) { event in
        if trace != nil { events.append(event) }
        Self.take(event, &state)
      }
      trace?.write(events)
    } catch {
      state.failure = String(describing: error)
      return (true, false, nil)
    }
    return (false, !wasLie && state.lie != nil, state.walk?.progress)
  }

  private static func take(_ event: RecorderEvent, _ state: inout State) {
    switch event {
    case .read(let disk, let offset, let length): state.walk?.read(disk: disk, offset: offset, length: length)
    case .written(let disk, let offset, let length): state.written.add(disk: disk, offset: offset, length: length)
    case .unreadable(let disk, let offset, _):
      state.unreadable[disk] = min(offset, state.unreadable[disk] ?? offset)
    case .channel(let write):
      // What comes while no filesystem is walked is nobody's.
      guard state.walk?.isComplete == false else { return }
      do {
        try write.withUnsafeBytes { bytes in try forEachRecord(in: bytes) { try state.walk?.take($0) } }
      } catch {
        state.walk = nil
        state.lie = error as? AssemblyError ?? .notARecord
      }
    }
  }
}
