import BlockMap
import Dispatch
import Synchronization
import SystemPackage
import WalkRecord

/// Reads the recorder's stream on a thread of its own, so that the recorder never waits for long, and assembles the
/// walk that is under way.
final class EventPump: Sendable {
  private struct State {
    var walk: WalkAssembler?
    var written = WrittenBlocks()
    var failure: String?
    var isOver = false
  }

  private let state = Mutex(State())
  /// Signalled when a walk is complete or the stream has ended.
  private let changed = DispatchSemaphore(value: 0)
  private let reporter: any Reporter

  /// Takes over `descriptor`.
  init(reading descriptor: FileDescriptor, reporter: any Reporter) throws(MapperError) {
    self.reporter = reporter
    try startThread { self.run(descriptor) }
  }

  /// What the appliance has written until now.
  var written: WrittenBlocks { state.withLock { $0.written } }

  /// A walk is about to start.
  func begin() { state.withLock { $0.walk = WalkAssembler() } }

  /// Waits until the walk's last record has come through.
  func finish() throws -> WalkAssembler {
    while true {
      let result: Result<WalkAssembler, MapperError>? = state.withLock { state in
        if let failure = state.failure { return .failure(.recorder(failure)) }
        if let walk = state.walk, walk.isComplete {
          state.walk = nil
          return .success(walk)
        }
        return state.isOver ? .failure(.recorder("it ended early")) : nil
      }
      if let result { return try result.get() }
      changed.wait()
    }
  }

  /// Throws if the recorder has ended: what was not seen since then cannot be told from what is not there.
  func check() throws(MapperError) {
    if let failure = state.withLock({ $0.failure }) { throw .recorder(failure) }
    if state.withLock({ $0.isOver }) { throw .recorder("it ended early") }
  }

  private func run(_ descriptor: FileDescriptor) {
    var decoder = RecorderEventDecoder()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer {
      buffer.deallocate()
      try? descriptor.close()
      state.withLock { $0.isOver = true }
      changed.signal()
    }
    while let count = try? descriptor.read(into: buffer), count > 0 {
      do {
        try consume(UnsafeRawBufferPointer(rebasing: buffer[..<count]), with: &decoder)
      } catch {
        state.withLock { $0.failure = String(describing: error) }
        return
      }
    }
  }

  private func consume(_ bytes: UnsafeRawBufferPointer, with decoder: inout RecorderEventDecoder) throws {
    let (progress, isComplete) = try state.withLock { state -> (Double?, Bool) in
      try decoder.decode(bytes) { event in
        switch event {
        case .read(let disk, let offset, let length): state.walk?.read(disk: disk, offset: offset, length: length)
        case .written(let disk, let offset, let length):
          state.written.add(disk: disk, offset: offset, length: length)
        case .channel(let write):
          try write.withUnsafeBytes { bytes in
            try forEachRecord(in: bytes) { record in
              guard state.walk != nil else { throw AssemblyError.notWalking }
              try state.walk?.take(record)
            }
          }
        }
      }
      return (state.walk?.progress, state.walk?.isComplete ?? false)
    }
    if let progress { reporter.progress(progress) }
    if isComplete { changed.signal() }
  }
}
