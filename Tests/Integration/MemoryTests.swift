import Glibc
import SystemPackage
import Testing

/// The memory that the logger needs to serve a disk.
@Suite struct MemoryTests {
  /// The logger's peak memory, in KiB, after 2000 reads that are spread over the first `span` bytes of a disk.
  private func peak(of disk: FilePath, span: UInt64, in scratch: Scratch) async throws -> Int {
    let step = span / 2000 / 512 * 512
    let reads = (0..<2000).map { "read -q \(UInt64($0) * step) 512" }.joined(separator: "\n")
    try scratch.write(reads + "\n", to: "reads")
    let script = """
      nbdkit -f -P pid -U sock "$0" "file=$1" bmap=none logfile=/dev/null & server=$!
      while ! [ -s pid ]; do sleep 0.1; kill -0 $server || exit; done
      qemu-io -r -f raw 'nbd+unix:///?socket=sock' < reads > /dev/null
      sed -n 's/VmHWM:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$server/status
      kill $server; wait; rm -f pid sock
      """
    let outcome = try await run("bash", ["-c", script, try Products.logger, disk], in: scratch.path)
    return try #require(Int(outcome.output.text.filter(\.isNumber)), "\(outcome.errors.text)")
  }

  /// 62 TiB, the most that VMware allows, with the grain tables of the first TiB.
  @Test func theLargestDiskTakesLittle() async throws {
    let scratch = try Scratch()
    let images = SmallVMDKs(scratch: scratch)
    let large = try images.largeSESparse(size: 62 << 40, tables: 1 << 16)
    let small = try await peak(of: images.raw(), span: 8 << 20, in: scratch)
    let peak = try await peak(of: large, span: 1 << 40, in: scratch)
    #expect(peak - small < 16 << 10, "\(peak) KiB, \(small) KiB for a raw disk")
  }
}
