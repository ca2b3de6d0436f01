import DiskImage
import Glibc
import NBDKit
import NBDSource
import SystemPackage
import Version
import WalkRecord

/// `nbdkit bmaprecorder file=DISK [format=raw|vmdk] [nbd=URI] [file=DISK …] [allow-external=BOOL] …`: serves the
/// disks as the raw exports `disk1`, `disk2` …, without ever writing to them, and as `original1`, `original2` … without
/// what its clients write. The export `channel` receives the walker's records. All reads of the disks and writes to the channel go to standard output as one ordered stream of
/// `RecorderEvent`s.
///
/// For virt-bmap's own use.
struct RecorderPlugin: Plugin {
  static let information = PluginInformation(
    name: "bmaprecorder",
    longName: "virt-bmap recorder",
    version: version,
    description: "records what virt-bmap reads of a disk",
    configHelp: """
      [file=]<DISK>     A disk image to serve; once for each.
      nbd=<URI>         An NBD server's export to serve; once for each. One of these
                        two is required.
      format=raw|vmdk   The format of the disk before it; without it, a name that ends in .vmdk
                        means vmdk, any other raw.
      allow-external=BOOL, ignore-cid=BOOL, ignore-journal=BOOL
                        As virt-bmap's options.
      """,
    magicConfigKey: "file",
    threadModel: .parallel)

  private enum Source {
    /// Without a format, the name decides.
    case file(FilePath, DiskFormat?)
    case server(NBDAddress)
  }

  private struct Disk {
    var size: UInt64
    var original: any VirtualDisk
    var overlay: WriteOverlay
  }

  /// A recorded event has one byte for the number of a disk.
  private static let maximumDisks = 255

  private var sources: [Source] = []
  private var options = OpenOptions()
  private var disks: [Disk] = []
  private var stream: EventStream?

  mutating func configure(key: String, value: ParameterValue) throws {
    switch key {
    case "file": try add(.file(try value.absolutePath(), nil))
    case "nbd":
      guard let address = NBDAddress(value.bytes) else {
        throw PluginError(errno: .invalid, "nbd=\(value.text): not an NBD URI")
      }
      try add(.server(address))
    case "format":
      guard case .file(let file, _) = sources.last else { throw PluginError(errno: .invalid, "format= without file=") }
      guard let format = DiskFormat(rawValue: value.text) else {
        throw PluginError(errno: .invalid, "format=\(value.text): give raw or vmdk")
      }
      sources[sources.count - 1] = .file(file, format)
    case "allow-external": options.allowsExternal = try value.boolean(of: key)
    case "ignore-cid": options.ignoresCID = try value.boolean(of: key)
    case "ignore-journal": options.ignoresJournal = try value.boolean(of: key)
    default: throw PluginError(errno: .invalid, "unknown parameter \(key)")
    }
  }

  private mutating func add(_ source: Source) throws {
    guard sources.count < Self.maximumDisks else {
      throw PluginError(errno: .invalid, "more than \(Self.maximumDisks) disks")
    }
    sources.append(source)
  }

  mutating func configurationComplete() throws {
    guard !sources.isEmpty else { throw PluginError(errno: .invalid, "give the disk to record: file=DISK or nbd=URI") }
    guard Host.standardStreamsAreFree else {
      throw PluginError(errno: .invalid, "standard output is not free for the recorded events")
    }
  }

  mutating func getReady() throws {
    // Duplicated, because nbdkit points standard output at /dev/null before it serves.
    let control = try FileDescriptor.standardInput.duplicate()
    guard fcntl(control.rawValue, F_SETFL, fcntl(control.rawValue, F_GETFL) | O_NONBLOCK) == 0 else {
      throw PluginError(errno: .inputOutput, "standard input cannot be read without waiting")
    }
    let stream = EventStream(descriptor: try FileDescriptor.standardOutput.duplicate(), control: control)
    for source in sources {
      let disk = try open(source, stream)
      disks.append(
        Disk(size: min(disk.size, RecorderExport.maximumBytes), original: disk, overlay: WriteOverlay(over: disk)))
    }
    self.stream = stream
  }

  private func open(_ source: Source, _ stream: EventStream) throws -> any VirtualDisk {
    switch source {
    case .file(let file, let format): try openDisk(at: file, format: format, options: options).disk
    case .server(let address):
      try NBDDisk(
        at: address, isCancelled: { stream.hasNoReader },
        onLoss: { error in
          // Without the server every file would be unreadable, and the map as good as empty.
          Log.error("\(error)")
          Host.shutDown()
        })
    }
  }

  mutating func afterFork() throws {
    try stream?.shutDownWithReader()
  }

  func listExports(readOnly: Bool, isTLS: Bool) throws -> [Export] {
    let numbers = 1..<disks.count + 1
    let names = numbers.map(RecorderExport.disk) + numbers.map(RecorderExport.original) + [RecorderExport.channel]
    return names.map { Export(name: Array($0.utf8), description: "") }
  }

  func open(readOnly: Bool, exportName: [UInt8]) throws -> any Connection {
    guard let stream else { throw PluginError(errno: .inputOutput, "there is no event stream") }
    let name = String(decoding: exportName, as: UTF8.self)
    if name == RecorderExport.channel { return ChannelConnection(stream: stream) }
    if let index = disks.indices.first(where: { RecorderExport.original($0 + 1) == name }) {
      return OriginalConnection(disk: disks[index].original, size: disks[index].size)
    }
    guard let index = disks.indices.first(where: { RecorderExport.disk($0 + 1) == name }),
      let number = UInt8(exactly: index + 1)
    else { throw PluginError(errno: .invalid, "no such export") }
    return DiskConnection(size: disks[index].size, overlay: disks[index].overlay, number: number, stream: stream)
  }
}

extension DiskError: ErrnoError {
  public var errnoValue: Int32 { errno }
}

@_cdecl("plugin_init")
public func pluginInit() -> UnsafeMutableRawPointer { register(RecorderPlugin.self) }
