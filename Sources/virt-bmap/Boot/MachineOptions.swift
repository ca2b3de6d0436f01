import Appliance
import ArgumentParser
import BlockMap
import GuestBoot
import SystemPackage

extension Accelerator: ExpressibleByArgument {}
extension DiskInterface: ExpressibleByArgument {}

/// The virtual machine to boot in.
struct MachineOptions: ParsableArguments {
  enum FirmwareChoice: String, ExpressibleByArgument, CaseIterable {
    case auto, bios, uefi
  }

  @Option(help: ArgumentHelp("Qemu.", valueName: "program"))
  var qemu = "qemu-system-x86_64"

  @Option(help: "Use hardware virtualization (kvm) or emulation (tcg). The default is kvm if it works.")
  var accel: Accelerator?

  @Option(help: "What the disks are attached to.")
  var interface = DiskInterface.virtio

  @Option(help: "Firmware. auto chooses by the disk.")
  var firmware = FirmwareChoice.auto

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Memory in MiB, or with a suffix k, M, G or T.", valueName: "N"))
  var memory = MemorySize(mebibytes: 1024)

  @Option(help: ArgumentHelp("Number of processors.", valueName: "N"))
  var smp = 1

  @Flag(help: "Give the guest a network, in which it can reach others but not be reached.")
  var network = false

  @Flag(help: "Show the guest's screen in a window.")
  var display = false

  func validate() throws {
    guard (1...255).contains(smp) else { throw ValidationError("--smp \(smp): give 1 to 255") }
  }

  /// - Parameters:
  ///   - directory: for temporary files.
  ///   - firmware: the one to boot with.
  ///   - more: options for qemu.
  func machine(
    in directory: FilePath, firmware: Firmware, more: [String]
  ) throws -> VirtualMachine {
    let program = ArgumentBytes.decode(qemu)
    return VirtualMachine(
      program: program, accelerator: accel ?? Accelerator.working(program, in: directory), interface: interface,
      uefi: firmware == .uefi ? try UEFIFiles(copiedTo: directory) : nil, memory: memory.mebibytes, processors: smp,
      hasNetwork: network, hasDisplay: display, more: more.map(ArgumentBytes.decode))
  }
}

/// The memory of a machine: a number of MiB, or a number of bytes with a suffix.
struct MemorySize: ExpressibleByArgument {
  let mebibytes: UInt64

  init(mebibytes: UInt64) { self.mebibytes = mebibytes }

  init?(argument: String) {
    if let number = UInt64(argument) {
      mebibytes = number
    } else {
      guard let bytes = ByteCount(argument)?.value else { return nil }
      mebibytes = bytes >> 20
    }
    // Qemu's own limit depends on the machine; this is for its arithmetic.
    guard (1...1 << 30).contains(mebibytes) else { return nil }
  }

  var defaultValueDescription: String { String(mebibytes) }
}
