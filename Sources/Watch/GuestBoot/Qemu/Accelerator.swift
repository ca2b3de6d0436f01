import Glibc
import SystemPackage

/// How qemu runs the guest's code.
package enum Accelerator: String, CaseIterable, Sendable {
  /// Hardware virtualization.
  case kvm
  /// Emulation.
  case tcg

  /// KVM if it works, else emulation. As for libguestfs, `force_tcg` in `LIBGUESTFS_BACKEND_SETTINGS` means emulation.
  /// - Parameters:
  ///   - program: qemu.
  ///   - directory: where a temporary file may be made.
  package static func working(_ program: [UInt8], in directory: FilePath) -> Accelerator {
    let settings = getenv("LIBGUESTFS_BACKEND_SETTINGS").map { String(cString: $0) } ?? ""
    guard !settings.split(separator: ":").contains("force_tcg"), access("/dev/kvm", R_OK | W_OK) == 0,
      let works = try? kvmWorks(program, in: directory)
    else { return .tcg }
    return works ? .kvm : .tcg
  }

  /// A guest that only waits for two ticks of its clock takes a fraction of a second.
  private static let limit = Duration.seconds(2)

  /// Runs `ProbeSector` under KVM: even if /dev/kvm can be opened, qemu may fail with it, or its guest may hang.
  private static func kvmWorks(_ program: [UInt8], in directory: FilePath) throws -> Bool {
    let disk = directory.appending("kvm-probe")
    let file = try FileDescriptor.open(
      disk, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
    defer { _ = disk.withPlatformString { unlink($0) } }
    try file.closeAfter { _ = try file.writeAll(ProbeSector.bytes) }
    let null = try FileDescriptor.open("/dev/null", .readWrite, options: [.closeOnExec])
    defer { try? null.close() }
    let arguments = [
      "-accel", "kvm", "-machine", "pc", "-cpu", "max", "-m", "16", "-nodefaults", "-no-user-config", "-display",
      "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0x\(String(ProbeSector.port, radix: 16)),iosize=1",
    ]
    let drive = Array("if=ide,format=raw,readonly=off,file=".utf8) + QemuOption.escaped(disk.bytes)
    var probe = try ChildProcess(
      program, arguments.map { Array($0.utf8) } + [Array("-drive".utf8), drive], descriptors: [null, null, null],
      deathSignal: SIGKILL)
    probe.wait(atMost: limit)
    return probe.end == .exited(ProbeSector.exitStatus)
  }
}
