import Appliance
import DiskImage
import NBDSource
import SystemPackage

/// The disks that a guest boots from, and how the logger serves them.
package struct LoggedDisks: Sendable {
  package var disks: [GuestDisk]
  package var map: FilePath
  package var options: OpenOptions
  /// Files that keep what the guest writes, one for each disk; empty to throw that away.
  package var overlays: [FilePath]

  package init(_ disks: [GuestDisk], map: FilePath, options: OpenOptions, overlays: [FilePath]) {
    self.disks = disks
    self.map = map
    self.options = options
    self.overlays = overlays
  }

  /// The arguments of nbdkit. It writes the log, as JSON, to its standard output.
  /// - Throws: `GuestBootError` if the logger cannot serve these disks together.
  func arguments(_ files: LoggerFiles, at socket: FilePath, pidFile: FilePath) throws(GuestBootError) -> [[UInt8]] {
    let server =
      ["--foreground", "--unix"].map { Array($0.utf8) } + [socket.bytes, Array("--pidfile".utf8), pidFile.bytes]
    let log = [Array("bmap=".utf8) + withDirectory(map)] + ["logfile=-", "logformat=json"].map { Array($0.utf8) }
    return server + (try source(files)) + log + overlayParameters
  }

  private func source(_ files: LoggerFiles) throws(GuestBootError) -> [[UInt8]] {
    var parameters: [[UInt8]] = []
    var formats: Set<DiskFormat> = []
    var areGuessed = true
    for disk in disks {
      switch disk.reading {
      case .file(let path, let format):
        parameters.append(Array("file=".utf8) + withDirectory(path))
        formats.insert(format)
        if DiskFormat.guess(fromName: path) != format { areGuessed = false }
      case .server(let address):
        guard disks.count == 1 else {
          throw .missing(
            "only raw disks and VMDKs can be booted together: convert the others (qemu-img convert -O vmdk)")
        }
        return [
          Array("--filter=".utf8) + files.filter, Array("nbd".utf8), Array("uri=".utf8) + address.bytes,
        ]
      }
    }
    // The plugin has one parameter for the format of all disks. Without it, it goes by their names.
    if formats.count == 1, let format = formats.first {
      parameters.append(Array("format=\(format.rawValue)".utf8))
    } else if !areGuessed {
      throw .missing("to boot raw disks and VMDKs together, the names of the VMDKs have to end in .vmdk")
    }
    return [files.plugin] + parameters
      + [
        Array("allow-external=\(options.allowsExternal)".utf8), Array("ignore-cid=\(options.ignoresCID)".utf8),
        Array("ignore-journal=\(options.ignoresJournal)".utf8),
      ]
  }

  private var overlayParameters: [[UInt8]] {
    guard !overlays.isEmpty else { return [Array("overlay=temp".utf8)] }
    return overlays.map { Array("overlay=".utf8) + withDirectory($0) }
  }

  /// So that a file named "temp" or "none" is not taken for that word.
  private func withDirectory(_ path: FilePath) -> [UInt8] {
    path.isAbsolute ? path.bytes : Array("./".utf8) + path.bytes
  }
}
