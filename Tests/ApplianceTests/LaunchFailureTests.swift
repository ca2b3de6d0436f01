import Guestfs
import Testing

@testable import Appliance

/// The cause of a failed launch, from the output of qemu, supermin and the appliance's kernel.
@Suite struct LaunchFailureTests {
  private let error = GuestfsError(
    "guestfs_launch failed.\nThis usually means the libguestfs appliance failed to start")

  private func cause(_ said: [String], hints: [String] = []) -> String {
    LaunchFailure(error, said: said, hints: hints).description
  }

  @Test func theProgramThatFailedSaysWhy() {
    let memory = "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory"
    #expect(cause([memory], hints: ["memory is limited"]) == "\(memory) (memory is limited)")
    let temporary = "supermin: error: environment variable $TMPDIR must be an absolute path"
    #expect(cause([temporary]) == "\(temporary) (-v shows what happened)")
    #expect(
      cause(["supermin: failed to find a suitable kernel (host_cpu=x86_64).", "I looked for kernels in /boot"])
        == "supermin: failed to find a suitable kernel (host_cpu=x86_64). (a kernel that this user can read has to be in /boot)"
    )
    let library = "/usr/bin/qemu-system-x86_64: error while loading shared libraries: libc.so.6: failed to map segment"
    #expect(cause([library]).hasPrefix(library))
    let panic = "[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs"
    #expect(cause(["[    1.1] a line", panic]).hasPrefix(panic))
  }

  @Test func whatDoesNotSayWhy() {
    #expect(cause([]) == "guestfs_launch failed. (-v shows what happened)")
    let harmless = [
      "supermin: mounting /proc", "qemu-system-x86_64: warning: TCG doesn't support requested feature",
      "qemu-system-x86_64: virtio_bus_start_ioeventfd: failed. Fallback to userspace (slower).",
      "SeaBIOS (version 1.16.2)",
    ]
    #expect(cause(harmless) == "guestfs_launch failed. (-v shows what happened)")
    #expect(
      cause(harmless + ["qemu-system-x86_64: an error"]) == "qemu-system-x86_64: an error (-v shows what happened)")
    #expect(cause(["qemu-system-x86_64: " + String(repeating: "x", count: 100_000)]).count < 500)
  }
}
