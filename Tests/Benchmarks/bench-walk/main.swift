// Prints how long virt-bmap takes for a disk, with separate times for launching the appliance and for the walk.
// Compares that with fiwalk from The Sleuth Kit, which parses filesystems itself and lists the same files with their
// blocks:
//
//     bench-walk VIRT-BMAP DISK PLAIN [RUNS]
//
// PLAIN is a disk with the same files in a form that fiwalk can read, for example without logical volumes. Prints
// medians of RUNS (5) runs.
import Benchmarking
import Glibc
import Subprocess
import SystemPackage

/// Prints a line such as `walk: 71.2 s (70.1 ... 75.3)`.
func report(_ what: String, _ values: [Double]) {
  print("\(what): \(shown(median(values))) s (\(shown(values.min() ?? 0)) ... \(shown(values.max() ?? 0)))")
}

func benchmark(mapper: String, disk: String, plain: String, runs: Int) async throws {
  var launches: [Double] = []
  var walks: [Double] = []
  var totals: [Double] = []
  var files = 0
  for index in 1...runs {
    let (output, seconds) = try await timed(.path(FilePath(mapper)), ["-v", "-o", "/dev/null", disk])
    guard let times = output.firstMatch(of: /appliance launched in ([0-9.]+) s, walked in ([0-9.]+) s/),
      let launch = Double(times.1), let walk = Double(times.2),
      let count = output.firstMatch(of: /directories, ([0-9]+) files/).flatMap({ Int($0.1) })
    else { throw BenchmarkFailure("\(mapper) does not say what took how long") }
    launches.append(launch)
    walks.append(walk)
    totals.append(seconds)
    files = count
    print("run \(index): launch \(launch) s, walk \(walk) s, \(shown(seconds)) s in all")
    fflush(nil)
  }
  print("\n\(files) files; medians of \(runs) runs, and the fastest and slowest:")
  report("appliance's launch", launches)
  report("walk", walks)
  report("all of virt-bmap", totals)
  let perFile = median(walks) * 1000 / Double(max(files, 1))
  print("walk, a file: \(shown(perFile)) ms")

  var peers: [Double] = []
  var peerFiles = 0
  do {
    for _ in 1...runs {
      let (output, seconds) = try await timed(.name("fiwalk"), ["-x", "-g", "-z", "-O", plain])
      peers.append(seconds)
      peerFiles = output.split(separator: "<name_type>r</name_type>", omittingEmptySubsequences: false).count - 1
    }
  } catch let error as SubprocessError where error.code == .executableNotFound {
    return print("fiwalk is not installed (Debian: sleuthkit): nothing to compare with")
  }
  report("fiwalk -x -g -z -O, \(peerFiles) files", peers)
  print("virt-bmap's walk takes \(shown(median(walks) / median(peers), 1)) times as long as fiwalk")
}

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count == 3 || arguments.count == 4, let runs = arguments.count == 4 ? Int(arguments[3]) : 5, runs > 0
else {
  print("usage: bench-walk VIRT-BMAP DISK PLAIN [RUNS]")
  exit(1)
}
do {
  try await benchmark(mapper: arguments[0], disk: arguments[1], plain: arguments[2], runs: runs)
} catch {
  print("bench-walk: \(error)")
  exit(1)
}
