import Glibc
import SystemPackage
import Testing

/// `virt-bmap annotate` gives the same names and bytes for all traces of one run, whoever made them.
@Suite struct AnnotateTests {
  /// The logger, nbdkit's log filter and QEMU watch the same requests.
  @Test func oneRunInSeveralTraces() async throws {
    let disk = try TracedDisk()
    let log = try await disk.serve(
      "qemu-io --trace 'enable=blk_co_p*' -f raw \(TracedDisk.requests) \"$uri\" >/dev/null 2>qemu")
    #expect(AccessedBytes(log).withoutDisk == TracedDisk.expected)
    #expect(AccessedBytes(try await disk.annotated("asked")) == AccessedBytes(log))
    #expect(AccessedBytes(try await disk.annotated("qemu")) == AccessedBytes(log))
    // The logger's own log can be named again.
    let again = try await disk.annotated("logger")
    #expect(AccessedBytes(again) == AccessedBytes(log) && again.flushes > 0)
    // The overlay was written, and nothing else said which part is stale.
    let stale: [Range<UInt64>] = [0x400000..<0x401000]
    #expect(again.stale == stale)
  }

  /// fio's log has the requests that fio made, in its order.
  @Test func fio() async throws {
    let disk = try TracedDisk()
    let log = try await disk.serve(
      """
      fio --name=a --ioengine=nbd --uri=$uri --rw=randrw --bs=4k --size=8M --io_size=400k --iodepth=4 \
        --write_iolog=fio --output=/dev/null >/dev/null
      """)
    let found = try await disk.annotated("fio")
    #expect(log.requests.count >= 100)
    #expect(AccessedBytes(found) == AccessedBytes(log))
  }

  /// The kernel's tracepoints, and QEMU on top of them.
  @Test(
    .enabled(
      if: geteuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0 && Self.has("unshare") && Self.hasTracefs,
      "only root traces the kernel"))
  func theKernelsTracepoints() async throws {
    let disk = try TracedDisk()
    // An instance of its own does not disturb other users of tracefs.
    let script = """
      set -e
      mount -t tracefs none tracing
      instance=tracing/instances/virt-bmap-$$
      mkdir "$instance"
      device=$(losetup -f --show disk)
      trap 'losetup -d "$device"; echo 0 >"$instance/events/enable"; rmdir "$instance"' EXIT
      echo 1 >"$instance/events/block/enable"
      qemu-io --trace 'enable=blk_co_p*' -f raw -n \(TracedDisk.requests) "$device" >/dev/null 2>qemu
      # The trace would never end if writing it made more of it.
      echo 0 >"$instance/tracing_on"
      cat "$instance/trace" >kernel
      echo $((0x$(stat -c %t "$device"))),$((0x$(stat -c %T "$device")))
      """
    try disk.scratch.makeDirectory("tracing")
    let outcome = try await tool("unshare", ["-m", "sh", "-c", script], in: disk.scratch.path)
    let device = try #require(outcome.outputLines.first)
    #expect(AccessedBytes(try await disk.annotated("qemu")).withoutDisk == TracedDisk.expected)
    let kernel = try await disk.annotated("kernel", ["--source", "\(device)=1"])
    #expect(AccessedBytes(kernel).withoutDisk == TracedDisk.expected)
    #expect(kernel.flushes > 0)
  }

  private static func has(_ program: String) -> Bool {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].contains { access("\($0)/\(program)", X_OK) == 0 }
  }

  private static var hasTracefs: Bool {
    (try? [UInt8](contentsOf: "/proc/filesystems").text.contains("tracefs")) ?? false
  }
}
