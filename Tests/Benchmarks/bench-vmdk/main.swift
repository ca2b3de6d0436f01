// Prints how fast the logger's plugin reads a disk in each format, and how fast qemu-nbd and, where the bytes are as in
// the disk, nbdkit's file plugin read the same file:
//
//     bench-vmdk PLUGIN DIR [RUNS [SECONDS]]
//
// PLUGIN is libnbdkit-bmaplogger-plugin.so. DIR gets the disk's images, about 4 GB, and they are used again. Everything
// is measured in turns, RUNS times (5), random reads for SECONDS each (2); printed are the medians.
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
  // A socket's path must be short.
  var template = Array("/tmp/bench-vmdk-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
  let sockets = FilePath(platformString: template)

  let servers = Server.all(images: images, sockets: sockets, plugin: plugin)
  var results = Results()
  try await Server.serving(servers[...]) {
    // So that what is in no cache yet costs none of them more.
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
