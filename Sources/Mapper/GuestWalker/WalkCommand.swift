import WalkRecord

/// The walker's command line: `virt-bmap-walker CHANNEL DIRECTORY METHOD`.
///
/// The walker runs inside the libguestfs appliance. It visits every directory and file of the filesystem mounted on
/// DIRECTORY. On the CHANNEL disk it announces what it is about to read, so that virt-bmap can tell what each read
/// of the guest's disks was for. With the METHOD "read" it reads everything. With a number or "all" it reports the
/// extents that the filesystem knows, and reads that many files, or all, to prove them.
public struct WalkCommand: Equatable, Sendable {
  public static let usage = "usage: virt-bmap-walker CHANNEL DIRECTORY read|all|COUNT"

  var channel: String
  var directory: String
  var method: WalkMethod

  /// Nil if the arguments do not match `usage`.
  public init?(arguments: some Collection<String>) {
    let arguments = Array(arguments)
    guard arguments.count == 3, let method = WalkMethod(argument: arguments[2]) else { return nil }
    (channel, directory, self.method) = (arguments[0], arguments[1], method)
  }

  /// Walks the filesystem.
  public func run() throws(WalkError) {
    let channel = try Channel(path: channel)
    let filesystem = try mountedFilesystem(on: directory, method: method)
    var walk = Walk(filesystem: filesystem, channel: channel, method: method)
    try walk.run()
  }
}
