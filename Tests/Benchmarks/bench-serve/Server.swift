import Benchmarking
import SystemPackage

/// The plugin that serves the disk, and how it logs.
enum Program: String, CaseIterable {
  /// nbdkit's own file plugin without a log: the baseline.
  case file = "file"
  case text = "bmaplogger"
  case json = "bmaplogger, json"
  /// The same file plugin with nbdkit's own log filter.
  case logFilter = "file, log filter"
}

/// A program that serves the disk on a socket.
struct Server: Sendable {
  let program: Program
  private let socket: FilePath
  private let arguments: [String]

  init(_ program: Program, _ files: Files, plugin: FilePath) {
    self.program = program
    socket = files.sockets.appending("\(program)")
    let log = files.directory.appending("log.\(program)")
    let ours = [plugin.string, "file=\(files.disk)", "bmap=\(files.map)", "logfile=\(log)"]
    let served: [String]
    switch program {
    case .file: served = ["file", files.disk.string]
    case .logFilter: served = ["--filter=log", "file", files.disk.string, "logfile=\(log)"]
    case .text: served = ours
    case .json: served = ours + ["logformat=json"]
    }
    arguments = ["-f", "-r", "-U", socket.string] + served
  }

  var uri: String { "nbd+unix:///?socket=\(socket)" }

  /// Runs all servers while `body` runs.
  static func serving(_ servers: ArraySlice<Server>, _ body: () async throws -> Void) async throws {
    guard let first = servers.first else { return try await body() }
    try await Benchmarking.serving("nbdkit", first.arguments, socket: first.socket.string) {
      try await serving(servers.dropFirst(), body)
    }
  }
}
