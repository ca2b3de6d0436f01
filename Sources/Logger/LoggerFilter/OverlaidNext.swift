import DiskImage
import DiskLogger
import NBDKit
import Synchronization

/// The plugin's disk with an overlay that takes the writes of all clients.
///
/// nbdkit opens the plugin for each client, and a plugin can ask which client it is opened for, so it cannot be opened
/// without one. So the first client starts the overlay, which needs to read the disk, and the log, which needs to know
/// what has been written.
final class OverlaidNext: Sendable {
  private struct Begun {
    var disk: ClientsDisk
    var overlays: Overlays
    var session: LogSession
  }

  private let parameters: LoggerParameters
  private let begun = Mutex<Begun?>(nil)

  init(_ parameters: LoggerParameters) { self.parameters = parameters }

  /// Returns a client's connection to an export.
  /// - Parameters:
  ///   - session: not started.
  ///   - next: the client's connection to the plugin.
  func connection(to export: [UInt8], _ session: LogSession, over next: NextConnection) throws -> any Connection {
    let next = NextDisk(next)
    let begun = try self.begun.withLock { begun in
      if let begun { return begun }
      let new = try begin(session, over: next)
      begun = new
      return new
    }
    guard next.size == begun.disk.size else {
      throw PluginError(
        errno: .inputOutput, "the plugin's disk has \(next.size) bytes now, and had \(begun.disk.size)")
    }
    return try begun.session.connection(to: export) { _ in
      OverlaidConnection(begun.overlays.connection(to: begun.disk, index: 0), over: begun.disk, through: next)
    }
  }

  private func begin(_ session: LogSession, over next: NextDisk) throws -> Begun {
    let disk = try ClientsDisk(size: next.size)
    let overlays = try disk.through(next) { try Overlays(parameters, over: [Overlays.Base(disk)]) }
    do {
      var session = session
      try session.start(overlays)
      return Begun(disk: disk, overlays: overlays, session: session)
    } catch {
      overlays.close()
      throw error
    }
  }

  func close() {
    begun.withLock { begun in
      begun?.session.close()
      begun?.overlays.close()
    }
  }
}
