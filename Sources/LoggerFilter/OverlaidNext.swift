import DiskImage
import DiskLogger
import NBDKit

/// What the plugin serves, opened once for all clients, with an overlay that takes what they write.
struct OverlaidNext: Sendable {
  private let disk: NextDisk
  let overlays: Overlays

  init(_ backend: Backend, _ parameters: LoggerParameters, _ threadModel: ThreadModel) throws {
    disk = NextDisk(try backend.open(readOnly: true, exportName: []), threadModel)
    do {
      overlays = try Overlays(parameters, over: [Overlays.Base(disk)])
    } catch {
      disk.close()
      throw error
    }
  }

  var size: UInt64 { disk.size }

  var connection: any Connection { overlays.connection(to: disk, index: 0) }

  func close() {
    overlays.close()
    disk.close()
  }
}
