// Prints how fast the logger plugin serves a raw disk while it logs, compared with nbdkit's file plugin without a log
// and with nbdkit's log filter:
//
//     bench-serve PLUGIN DIR [RUNS [SECONDS]]
//
// PLUGIN is libnbdkit-bmaplogger-plugin.so. DIR gets a disk of 1 GiB, which later runs use again, and the logs, which
// are removed. The servers take turns, RUNS (5) times; random reads run for SECONDS (2) each. Prints medians, and the
// median over the turns of each server's share of the file plugin's result.
import Benchmarking
import Glibc
import Subprocess
import SystemPackage

func benchmark(plugin: FilePath, directory: FilePath, runs: Int, seconds: Int) async throws {
  try await checkPrograms([("fio", "fio"), ("nbdcopy", "libnbd-bin"), ("nbdkit", "nbdkit")])
  let files = try await Files(in: directory.appending("serve"))
  let servers = Program.allCases.map { Server($0, files, plugin: plugin) }
  var rounds = [[[Double]]](repeating: [], count: Measurement.allCases.count)
  try await Server.serving(servers[...]) {
    // Fill the caches first, so that no server pays for reading the disk.
    for server in servers { _ = try await Measurement.copy.value(of: server, round: 0, seconds: seconds) }
    for round in 1...runs {
      for (number, measurement) in Measurement.allCases.enumerated() {
        var values = [Double](repeating: 0, count: servers.count)
        // A different server goes first each time.
        for index in servers.indices.map({ ($0 + round) % servers.count }) {
          values[index] = try await measurement.value(of: servers[index], round: round, seconds: seconds)
        }
        rounds[number].append(values)
      }
      print("round \(round) of \(runs) is done")
      fflush(nil)
    }
  }
  _ = try await timed(.name("rm"), ["-rf", files.sockets.string])
  for program in Program.allCases { unlink(files.directory.appending("log.\(program)").string) }
  for (measurement, rounds) in zip(Measurement.allCases, rounds) { show(measurement, rounds, servers) }
}

func show(_ measurement: Measurement, _ rounds: [[Double]], _ servers: [Server]) {
  print("\n\(measurement.title); bmaplogger is to have \(measurement.least) of file at least")
  for (index, server) in servers.enumerated() {
    let values = rounds.map { $0[index] }
    let share = median(rounds.map { $0[index] / $0[0] })
    let name = server.program.rawValue
    let padding = String(repeating: " ", count: max(1, 20 - name.count))
    print(
      "  \(name)\(padding)\(Int(median(values)))  (\(Int(values.min() ?? 0)) to \(Int(values.max() ?? 0)))  "
        + "\(shown(share, 3)) of file")
  }
}

let arguments = Array(CommandLine.arguments.dropFirst())
let numbers = arguments.dropFirst(2).map { Int($0) ?? 0 }
guard 2...4 ~= arguments.count, numbers.allSatisfy({ $0 > 0 }) else {
  print("usage: bench-serve PLUGIN DIR [RUNS [SECONDS]]")
  exit(1)
}
do {
  try await benchmark(
    plugin: FilePath(arguments[0]), directory: FilePath(arguments[1]), runs: numbers.first ?? 5,
    seconds: numbers.count > 1 ? numbers[1] : 2)
} catch {
  print("bench-serve: \(error)")
  exit(1)
}
