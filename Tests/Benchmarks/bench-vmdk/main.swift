// Prints how fast the logger plugin reads a disk in each format. Compares that with qemu-nbd and, for formats that
// store the disk's bytes unchanged, with nbdkit's file plugin on the same file:
//
//     bench-vmdk PLUGIN DIR [RUNS [SECONDS]]
//
// PLUGIN is libnbdkit-bmaplogger-plugin.so. DIR gets images of the disk, about 4 GB, which later runs use again. The
// servers take turns, RUNS (5) times; random reads run for SECONDS (2) each. Prints medians.
import Benchmarking
import Glibc
import Subprocess
import SystemPackage

func benchmark(plugin: FilePath, directory: FilePath, runs: Int, seconds: Int) async throws {
  try await checkPrograms([
    ("fio", "fio"), ("nbdcopy", "libnbd-bin"), ("nbdkit", "nbdkit"), ("qemu-nbd", "qemu-utils"),
  ])
  let images = directory.appending("vmdk")
  try await Image.makeAll(in: images)
  // The path of a socket must be short.
  var template = Array("/tmp/bench-vmdk-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
  let sockets = FilePath(platformString: template)

  let servers = Server.all(images: images, sockets: sockets, plugin: plugin)
  var results = Results()
  try await Server.serving(servers[...]) {
    // Fill the caches first, so that no server pays for reading the images.
    for server in servers { _ = try await Measurement.copy.value(of: server, round: 0, seconds: seconds) }
    for round in 1...runs {
      for measurement in Measurement.allCases {
        for server in servers {
          let value = try await measurement.value(of: server, round: round, seconds: seconds)
          results.add(value, measurement, of: server)
        }
      }
      print("round \(round) of \(runs) is done")
      fflush(nil)
    }
  }
  _ = try await timed(.name("rm"), ["-rf", sockets.string])

  let version = try await timed(.name("qemu-nbd"), ["--version"]).output.prefix { $0 != "\n" }
  print("\nmedians of \(runs) rounds, the least and the most; \(version), -r -t -e 16 and its own cache=writeback")
  results.print(servers: servers)
}

let arguments = Array(CommandLine.arguments.dropFirst())
let numbers = arguments.dropFirst(2).map { Int($0) ?? 0 }
guard 2...4 ~= arguments.count, numbers.allSatisfy({ $0 > 0 }) else {
  print("usage: bench-vmdk PLUGIN DIR [RUNS [SECONDS]]")
  exit(1)
}
do {
  try await benchmark(
    plugin: FilePath(arguments[0]), directory: FilePath(arguments[1]), runs: numbers.first ?? 5,
    seconds: numbers.count > 1 ? numbers[1] : 2)
} catch {
  print("bench-vmdk: \(error)")
  exit(1)
}
