import Benchmarking
import SystemPackage

/// The program that serves an image over NBD.
enum Program: String {
  case ours = "bmaplogger"
  case qemu = "qemu-nbd"
  case nbdkitFile = "nbdkit file"
}

/// A program that serves an image on a socket.
struct Server: Sendable {
  let program: Program
  let image: Image
  let socket: FilePath
  private let executable: String
  private let arguments: [String]

  init(_ program: Program, _ image: Image, images: FilePath, sockets: FilePath, plugin: FilePath) {
    self.program = program
    self.image = image
    socket = sockets.appending("\(program)-\(image)")
    let path = image.path(in: images).string
    switch program {
    case .qemu:
      executable = "qemu-nbd"
      arguments = ["-r", "-t", "-e", "16", "-k", socket.string, "-f", image.format, path]
    case .ours:
      executable = "nbdkit"
      arguments = [
        "-f", "-r", "-U", socket.string, plugin.string, "file=\(path)", "format=\(image.format)", "bmap=none",
        "logfile=/dev/null",
      ]
    case .nbdkitFile:
      // The data of a flat VMDK is in a separate file.
      let file = image == .raw ? path : images.appending("\(image)-flat.vmdk").string
      executable = "nbdkit"
      arguments = ["-f", "-r", "-U", socket.string, "file", "file=\(file)"]
    }
  }

  var uri: String { "nbd+unix:///?socket=\(socket)" }

  /// All servers that are measured.
  static func all(images: FilePath, sockets: FilePath, plugin: FilePath) -> [Server] {
    Image.allCases.flatMap { image in
      let programs: [Program] =
        switch image {
        case .raw, .monolithicFlat: [.ours, .qemu, .nbdkitFile]
        case .monolithicSparse, .streamOptimized: [.ours, .qemu]
        }
      return programs.map { Server($0, image, images: images, sockets: sockets, plugin: plugin) }
    }
  }

  /// Runs all servers while `body` runs.
  static func serving(_ servers: ArraySlice<Server>, _ body: () async throws -> Void) async throws {
    guard let first = servers.first else { return try await body() }
    try await Benchmarking.serving(first.executable, first.arguments, socket: first.socket.string) {
      try await serving(servers.dropFirst(), body)
    }
  }
}
