// Prints how long virt-bmap's walker takes for a filesystem that this machine's own kernel has mounted, without an
// appliance or emulation. Compares that with fiwalk from The Sleuth Kit on the same files: once with XML output,
// which says where the files' bytes are, as the walker does, and once with text output, which does not:
//
//     bench-native WALKER DISK START [RUNS]
//
// Needs root: the partition that starts at byte START is mounted read-only through a loop device. Each program runs
// once before it is measured, so that the data is in memory. Prints medians of RUNS (5) runs.
import Benchmarking
import Glibc
import Subprocess
import SystemPackage

func benchmark(walker: String, disk: String, start: String, runs: Int) async throws {
  var template = Array("/tmp/bench-native-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw BenchmarkFailure("no temporary directory") }
  let directory = FilePath(platformString: template)
  let mounted = directory.appending("mounted")
  let channel = directory.appending("channel")
  guard mkdir(mounted.string, 0o755) == 0 else { throw BenchmarkFailure("\(mounted) cannot be made") }
  // Stands in for the recorder: it answers nothing, and nothing is asked.
  let file = try FileDescriptor.open(channel, .writeOnly, options: .create, permissions: .ownerReadWrite)
  let status = ftruncate(file.rawValue, 2 << 20)
  try file.close()
  guard status == 0 else { throw BenchmarkFailure("\(channel) cannot be made") }
  defer {
    for gone in [mounted, channel, directory] { _ = remove(gone.string) }
  }
  _ = try await timed(.name("mount"), ["-o", "ro,loop,offset=\(start)", disk, mounted.string])
  do {
    try await measure(walker: walker, [channel.string, mounted.string, "0"], disk: disk, runs: runs)
  } catch {
    _ = try await timed(.name("umount"), [mounted.string])
    throw error
  }
  _ = try await timed(.name("umount"), [mounted.string])
}

/// The fiwalk commands to compare with. The options leave out file contents and deleted files.
enum Peer: String, CaseIterable {
  case xml = "fiwalk -g -z -O -x"
  case text = "fiwalk -g -z -O"

  func seconds(of disk: String) async throws -> Double {
    // Discard the output: reading it would cost more than producing it.
    try await timed(.name("sh"), ["-c", "\(rawValue) \"$0\" >/dev/null", disk]).seconds
  }
}

func measure(walker: String, _ arguments: [String], disk: String, runs: Int) async throws {
  let listed = try await timed(.name("fiwalk"), ["-g", "-z", "-O", disk]).output
  let files = listed.split(separator: "\nname_type: r\n", omittingEmptySubsequences: false).count - 1
  _ = try await timed(.path(FilePath(walker)), arguments)
  for peer in Peer.allCases { _ = try await peer.seconds(of: disk) }
  var walks: [Double] = []
  var peers = [[Double]](repeating: [], count: Peer.allCases.count)
  for _ in 1...runs {
    walks.append(try await timed(.path(FilePath(walker)), arguments).seconds)
    for (number, peer) in Peer.allCases.enumerated() { peers[number].append(try await peer.seconds(of: disk)) }
  }
  print("\(files) files; medians of \(runs) runs")
  print("virt-bmap-walker, extents: \(shown(median(walks), 3)) s")
  for (peer, times) in zip(Peer.allCases, peers) {
    print("\(peer.rawValue): \(shown(median(times), 3)) s; ratio \(shown(median(walks) / median(times)))")
  }
}

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count == 3 || arguments.count == 4, let runs = arguments.count == 4 ? Int(arguments[3]) : 5, runs > 0
else {
  print("usage: bench-native WALKER DISK START [RUNS]")
  exit(1)
}
do {
  try await benchmark(walker: arguments[0], disk: arguments[1], start: arguments[2], runs: runs)
} catch {
  print("bench-native: \(error)")
  exit(1)
}
