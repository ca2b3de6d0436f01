import SystemPackage

/// A disk of 16 MiB with a map, and requests for it whose traces are compared.
struct TracedDisk {
  let scratch: Scratch

  static let map = """
    # virt-bmap 2
    # disk 1 size=1000000 format=raw file=disk
    1 0 1000000 v /dev/sda
    1 100000 f00000 p /dev/sda1
    1 200000 280000 f /dev/sda1 /a
    1 280000 300000 f@80000 /dev/sda1 /a
    1 280000 281000 f /dev/sda1 /shared
    1 400000 500000 f /dev/sda1 /b
    1 500000 504000 d /dev/sda1 /dir
    1 600000 700000 m /dev/sda1 journal

    """

  /// What qemu-io is told to do.
  static let requests = """
    -c 'read 2M 64k' -c 'read 0x27f000 8k' -c 'write -P 7 4M 128k' -c 'read 4M 4k' -c 'read 5M 16k' \
    -c 'write -z 6M 64k' -c 'read 3M 1M' -c flush
    """

  static let expected = AccessedBytes([
    "read /dev/sda1:/a": 64 << 10 + 4 << 10, "read /dev/sda1:/a /dev/sda1:/shared": 4 << 10,
    "write /dev/sda1:/b": 128 << 10, "read /dev/sda1:/b": 4 << 10, "read /dev/sda1:/dir": 16 << 10,
    "zero /dev/sda1:journal": 64 << 10, "read /dev/sda1:": 1 << 20,
  ])

  init() throws {
    scratch = try Scratch()
    try scratch.makeHole("disk", size: 16 << 20)
    try scratch.write(Self.map, to: "map")
  }

  /// Serves the disk through nbdkit's log filter, which writes `asked`, and the logger, whose log is returned.
  func serve(_ script: String) async throws -> LogJSON {
    // The log filter takes `logfile=` for itself, so the logger's log goes to standard output.
    let outcome = try await tool(
      "nbdkit",
      [
        "-U", "-", "--filter=log", try Products.logger, "file=disk", "bmap=map", "overlay=temp", "logformat=json",
        "logfile=asked", "--run", script,
      ], in: scratch.path)
    return try LogJSON(contentsOf: scratch.write(outcome.output, to: "logger"))
  }

  /// What the text log of `virt-bmap annotate` says about a trace.
  func annotated(_ trace: String, _ options: [any Word] = []) async throws -> LogText {
    let outcome = try await tool(try Products.mapper.string, ["annotate", "map", trace] + options, in: scratch.path)
    if outcome.errors.text != "" { throw TestFailure(outcome.errors.text) }
    return try LogText(contentsOf: scratch.write(outcome.output, to: "annotated"))
  }
}
