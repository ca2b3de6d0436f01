import DiskImage
import DiskLogger
import NBDKit

/// Who is below the filter, opened once for all clients, with an overlay that takes what they write.
struct OverlaidBelow: Sendable {
  private let disk: NextDisk
  let overlays: Overlays

  init(_ below: Below, _ parameters: LoggerParameters) throws {
    disk = NextDisk(try below.open(readOnly: true, exportName: []))
    do {
      overlays = try Overlays(parameters, over: [Overlays.Base(disk)])
    } catch {
      disk.close()
      throw error
    }
  }

  var connection: any Connection { overlays.connection(to: disk, index: 0) }

  func close() {
    overlays.close()
    disk.close()
  }
}
