import BlockMap
import Glibc
import Synchronization
import SystemPackage
import WalkAssembly
import WalkRecord

/// Reads the recorder's event stream and assembles the current walk from it.
///
/// The stream has the reads and writes of the disks and the walker's records in one order. It is a pipe, so a slow
/// reader would stall the recorder, and with it the appliance. A separate thread therefore reads it all the time.
///
/// The walker runs in the appliance, next to the guest's filesystems, so its records are not trusted. If they
/// cannot be right, or if nothing arrives for too long, the walk is given up and its results are discarded. The
/// recorder is then told to refuse records until the next walk starts.
///
/// Events are read and processed with the lock held. So if a caller holds the lock and the pipe is empty, every event
/// sent so far has been processed.
package final class EventPump: Sendable {
  private struct State {
    var walk: WalkAssembler?
    /// Why the walk was given up, if it was.
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

  /// Starts reading. Takes ownership of `descriptor` and `control`.
  /// - Parameter control: the pipe that tells the recorder whether to accept records.
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

  /// What the appliance has written so far.
  package var written: WrittenBlocks { state.withLock { $0.written } }

  /// For each disk, by its number, the lowest offset at which a read failed.
  package var unreadable: [UInt8: UInt64] { state.withLock { $0.unreadable } }

  /// Prepares for a walk that is about to start.
  package func begin(_ bounds: WalkBounds) {
    state.withLock { state in
      tell(.takeRecords)
      state.walk = WalkAssembler(bounds: bounds)
      state.lie = nil
      state.lastEvent = .now
    }
  }

  /// Returns the result of the walk after its walker has exited. The walker's records are all in the stream by
  /// then, because each is there before the walker's write returns.
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
        // Events are read and processed with the lock held, so an empty pipe means that all were processed.
        var left: Int32 = 0
        guard ioctl(descriptor.rawValue, UInt(FIONREAD), &left) == 0, left == 0 else { return nil }
        state.walk = nil
        return .failure(.noEnd)
      }
      if let result { return result }
      usleep(1000)
    }
  }

  /// Gives up the walk because its walker has failed. Returns why it was given up before, if it was.
  package func abandon() -> AssemblyError? {
    tell(.refuseRecords)
    return state.withLock { state in
      state.walk = nil
      return state.lie
    }
  }

  /// Gives up the walk if no event has arrived for this long.
  /// - Returns: whether the walk has been given up, now or before.
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

  /// Throws if the recorder has exited. From then on, what was not seen cannot be distinguished from what does not
  /// exist.
  package func check() throws(MapperError) {
    if let failure = state.withLock({ $0.failure }) { throw .recorder(failure) }
    if state.withLock({ $0.isOver }) { throw .recorder("it ended early") }
  }

  private func tell(_ word: RecorderControl) {
    // If the recorder is gone, `check` and `finish` report it.
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
        // Hold the lock, because the next walk can begin as soon as it is released.
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
      // Records outside of a walk are ignored.
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
