import Glibc
import SystemPackage
import Testing

/// What a served disk takes of memory.
@Suite struct MemoryTests {
  /// The most memory that the logger had, in KiB, after it was opened and read at 2000 places of the first `span` bytes.
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

  /// 62 TiB, the most that VMware allows, with the tables of the first tebibyte.
  @Test func theLargestDiskTakesLittle() async throws {
    let scratch = try Scratch()
    let images = SmallVMDKs(scratch: scratch)
    let large = try images.largeSESparse(size: 62 << 40, tables: 1 << 16)
    let small = try await peak(of: images.raw(), span: 8 << 20, in: scratch)
    let peak = try await peak(of: large, span: 1 << 40, in: scratch)
    #expect(peak - small < 16 << 10, "\(peak) KiB, \(small) KiB for a raw disk")
  }
}
