import Glibc
import NBDKit
import Synchronization
import SystemPackage
import WalkRecord

/// The single ordered stream of events. Each event is written before the request that caused it is answered, so what a
/// program in the appliance does one after the other is in the stream in that order.
final class EventStream: Sendable {
  fileprivate struct State {
    var current: ChunkReads?
    var ambiguous: [UInt32] = []
    var isRefusing = false
  }

  private let descriptor: FileDescriptor
  private let control: FileDescriptor?
  private let state = Mutex(State())

  /// - Parameter control: the non-blocking descriptor through which virt-bmap sends `RecorderControl`s.
  init(descriptor: FileDescriptor, control: FileDescriptor? = nil) {
    self.descriptor = descriptor
    self.control = control
  }

  /// Ends the server when nobody reads the stream any longer, so that a killed virt-bmap leaves no server behind.
  ///
  /// nbdkit's `--exit-with-parent` does not help here: it is tied to the life of one thread of the parent.
  func shutDownWithReader() throws {
    let descriptor = descriptor.rawValue
    let argument = UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: Int(descriptor)))
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        var state = pollfd(fd: Int32(Int(bitPattern: argument)), events: 0, revents: 0)
        // A pipe that has lost its reader is in an error state; nothing else ends the wait.
        while poll(&state, 1, -1) < 0 && errno == EINTR {}
        Host.shutDown()
        // Do not return into this library, which nbdkit is about to unload.
        while true { pause() }
      }, argument)
    guard result == 0 else {
      throw PluginError(errno: .inputOutput, "no thread can be started: \(String(cString: strerror(result)))")
    }
  }

  /// Whether virt-bmap is gone, so that there is nothing left to wait for.
  var hasNoReader: Bool {
    var state = pollfd(fd: descriptor.rawValue, events: 0, revents: 0)
    return poll(&state, 1, 0) > 0
  }

  func read(disk: UInt8, offset: UInt64, length: UInt32) throws {
    guard length > 0 else { return }
    try state.withLock { state in
      state.current?.add(disk: disk, range: offset..<offset &+ UInt64(length))
      try send(.read(disk: disk, offset: offset, length: length))
    }
  }

  func written(disk: UInt8, offset: UInt64, length: UInt32) throws {
    try state.withLock { (_) in try send(.written(disk: disk, offset: offset, length: length)) }
  }

  func unreadable(disk: UInt8, offset: UInt64, length: UInt32) throws {
    try state.withLock { (_) in try send(.unreadable(disk: disk, offset: offset, length: length)) }
  }

  func channelWrite(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count <= RecorderEvent.maximumChannelWrite else {
      throw PluginError(errno: .invalid, "a write of \(bytes.count) bytes to the channel")
    }
    try state.withLock { state in
      updateControl(&state)
      guard !state.isRefusing else { throw PluginError(errno: .inputOutput, "virt-bmap takes no more records") }
      try forEachRecord(in: bytes) { record in
        switch record {
        case .chunk(let chunk):
          state.finishChunk()
          state.current = ChunkReads(chunk)
        case .extent, .idle, .begin, .settled, .end: state.finishChunk()
        case .object, .inode, .encrypted, .link, .failure: break
        }
      }
      try send(.channel(Array(bytes)))
    }
  }

  /// Which chunks since the last question were ambiguous; the current chunk counts as complete.
  func takeFeedback() -> Feedback {
    state.withLock { state in
      state.finishChunk()
      defer { state.ambiguous.removeAll() }
      return Feedback(ambiguous: state.ambiguous)
    }
  }

  /// Whether the walker must be ended.
  var isRefusing: Bool {
    state.withLock { state in
      updateControl(&state)
      return state.isRefusing
    }
  }

  private func updateControl(_ state: inout State) {
    guard let control else { return }
    var words: (UInt64, UInt64) = (0, 0)
    withUnsafeMutableBytes(of: &words) { buffer in
      while let count = try? control.read(into: buffer), count > 0 {
        if let word = RecorderControl(rawValue: buffer[count - 1]) { state.isRefusing = word == .refuseRecords }
      }
    }
  }

  /// Must be called with the lock held, which keeps the events in order.
  private func send(_ event: RecorderEvent) throws {
    do {
      _ = try descriptor.writeAll(event.encoded)
    } catch {
      throw PluginError(errno: .shutdown, "virt-bmap is gone")
    }
  }
}

extension EventStream.State {
  fileprivate mutating func finishChunk() {
    if let current, current.isAmbiguous, ambiguous.count < Feedback.capacity { ambiguous.append(current.chunk.number) }
    current = nil
  }
}
