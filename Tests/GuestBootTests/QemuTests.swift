import Foundation
import Subprocess
import SystemPackage
import Testing

@testable import GuestBoot

/// The arguments of qemu, and the sector that shows whether a guest can run.
@Suite struct QemuTests {
  private func machine(_ interface: DiskInterface = .virtio) -> VirtualMachine {
    VirtualMachine(
      program: Array("qemu-system-x86_64".utf8), accelerator: .tcg, interface: interface, uefi: nil, memory: 64,
      processors: 1, hasNetwork: false, hasDisplay: false, more: [Array("-version".utf8)])
  }

  private func words(_ machine: VirtualMachine, disks: Int, at socket: FilePath) -> [String] {
    machine.arguments(disks: disks, at: socket).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func severalDisks() {
    let words = words(machine(), disks: 2, at: "/tmp/a,b/disks")
    #expect(
      words.contains(
        "driver=nbd,node-name=disk2,discard=unmap,server.type=unix,server.path=/tmp/a,,b/disks,export=/dev/sdb"))
    #expect(words.contains("virtio-blk-pci,drive=disk1,bootindex=1"))
    #expect(words.last == "-version")
  }

  @Test func theFirstDiskHasNoName() {
    #expect(!words(machine(), disks: 1, at: "/s").contains { $0.contains("export=") })
  }

  @Test(arguments: [(DiskInterface.sata, 7), (.ide, 5), (.scsi, 17), (.nvme, 17)])
  func tooManyDisks(interface: DiskInterface, count: Int) {
    #expect(throws: GuestBootError.self) { try interface.check(disks: count) }
    #expect(throws: Never.self) { try interface.check(disks: count - 1) }
  }

  /// Under emulation, which works everywhere.
  @Test func theProbeSectorEndsQemu() async throws {
    #expect(ProbeSector.bytes.count == 512)
    let disk = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).probe")
    defer { try? FileManager.default.removeItem(at: disk) }
    try Data(ProbeSector.bytes).write(to: disk)
    let result = try await Subprocess.run(
      .name("qemu-system-x86_64"),
      arguments: [
        "-accel", "tcg", "-machine", "pc", "-m", "16", "-nodefaults", "-display", "none", "-no-reboot", "-device",
        "isa-debug-exit,iobase=0xf4,iosize=1", "-drive", "if=ide,format=raw,file=\(disk.path)",
      ], output: .discarded)
    #expect(result.terminationStatus == .exited(ProbeSector.exitStatus))
  }
}
