import DiskImage
import NBDKit
import SystemPackage
import WalkRecord

/// `nbdkit bmaprecorder file=DISK [format=raw|vmdk] [allow-external=BOOL] …`: the export `disk1` is the disk, as a raw one, and never written;
/// the export `channel` takes the walker's records. What is read of the disk and what is written to the channel goes to
/// standard output as one ordered stream of `RecorderEvent`s.
///
/// For virt-bmap's own use.
struct RecorderPlugin: Plugin {
  static let information = PluginInformation(
    name: "bmaprecorder",
    longName: "virt-bmap recorder",
    version: "0.1.0",
    description: "records what virt-bmap reads of a disk",
    configHelp: """
      [file=]<DISK>     (required) The disk image to serve.
      format=raw|vmdk   The disk's format; without it, a name that ends in .vmdk
                        means vmdk, any other raw.
      allow-external=BOOL, ignore-cid=BOOL, ignore-journal=BOOL
                        As virt-bmap's options.
      """,
    magicConfigKey: "file",
    threadModel: .parallel)

  private var file: FilePath?
  private var format: DiskFormat?
  private var options = OpenOptions()
  private var disk: (size: UInt64, overlay: WriteOverlay)?
  private var stream: EventStream?

  mutating func configure(key: String, value: ParameterValue) throws {
    switch key {
    case "file": file = try value.absolutePath()
    case "format":
      guard let format = DiskFormat(rawValue: value.text) else {
        throw PluginError(errno: .invalid, "format=\(value.text): give raw or vmdk")
      }
      self.format = format
    case "allow-external": options.allowsExternal = try value.boolean(of: key)
    case "ignore-cid": options.ignoresCID = try value.boolean(of: key)
    case "ignore-journal": options.ignoresJournal = try value.boolean(of: key)
    default: throw PluginError(errno: .invalid, "unknown parameter \(key)")
    }
  }

  mutating func configurationComplete() throws {
    guard file != nil else { throw PluginError(errno: .invalid, "give the disk to record: file=DISK") }
    guard Host.standardStreamsAreFree else {
      throw PluginError(errno: .invalid, "standard output is not free for the recorded events")
    }
  }

  mutating func getReady() throws {
    guard let file else { return }
    let opened = try openDisk(at: file, format: format, options: options).disk
    disk = (opened.size, WriteOverlay(over: opened))
    // A copy, since nbdkit points standard output at /dev/null before it serves.
    stream = EventStream(descriptor: try FileDescriptor.standardOutput.duplicate())
  }

  mutating func afterFork() throws {
    stream?.shutDownWithReader()
  }

  func listExports(readOnly: Bool, isTLS: Bool) throws -> [Export] {
    [RecorderExport.disk(1), RecorderExport.channel].map { Export(name: Array($0.utf8), description: "") }
  }

  func open(readOnly: Bool, exportName: [UInt8]) throws -> any Connection {
    guard let stream else { throw PluginError(errno: .inputOutput, "there is no event stream") }
    switch String(decoding: exportName, as: UTF8.self) {
    case RecorderExport.channel: return ChannelConnection(stream: stream)
    case RecorderExport.disk(1):
      guard let disk else { throw PluginError(errno: .inputOutput, "the disk is not open") }
      return DiskConnection(size: disk.size, overlay: disk.overlay, number: 1, stream: stream)
    default: throw PluginError(errno: .invalid, "no such export")
    }
  }
}

extension DiskError: ErrnoError {
  public var errnoValue: Int32 { errno }
}

@_cdecl("plugin_init")
public func pluginInit() -> UnsafeMutableRawPointer { register(RecorderPlugin.self) }
