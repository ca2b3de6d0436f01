import BlockMap
import SystemPackage

/// The virtual machine that a guest boots in.
package struct VirtualMachine: Sendable {
  /// Qemu: a path, or a name that is looked for in `PATH`.
  package var program: [UInt8]
  package var accelerator: Accelerator
  package var interface: DiskInterface
  /// Nil for BIOS.
  package var uefi: UEFIFiles?
  /// In MiB.
  package var memory: UInt64
  package var processors: Int
  package var hasNetwork: Bool
  package var hasDisplay: Bool
  /// More options for qemu, which come last and so can override others.
  package var more: [[UInt8]]

  package init(
    program: [UInt8], accelerator: Accelerator, interface: DiskInterface, uefi: UEFIFiles?, memory: UInt64,
    processors: Int, hasNetwork: Bool, hasDisplay: Bool, more: [[UInt8]]
  ) {
    self.program = program
    self.accelerator = accelerator
    self.interface = interface
    self.uefi = uefi
    self.memory = memory
    self.processors = processors
    self.hasNetwork = hasNetwork
    self.hasDisplay = hasDisplay
    self.more = more
  }

  /// The descriptor of qemu's monitor, after standard input, output and error.
  static let monitorDescriptor = 3

  /// The arguments of qemu. The console is its standard output.
  /// - Parameters:
  ///   - disks: how many disks there are.
  ///   - socket: where nbdkit serves them.
  func arguments(disks: Int, at socket: FilePath) -> [[UInt8]] {
    let fixed = [
      "-name", "virt-bmap", "-machine", interface.machine, "-accel", accelerator.rawValue, "-cpu", "max",
      "-m", String(memory), "-smp", String(processors), "-nodefaults", "-no-user-config", "-no-reboot",
      "-chardev", "file,id=console,path=/dev/stdout", "-serial", "chardev:console",
      "-chardev", "socket,id=monitor,fd=\(Self.monitorDescriptor)", "-mon", "chardev=monitor,mode=control",
      "-device", "VGA",
    ]
    var arguments = (fixed + screen + network + interface.controller).map { Array($0.utf8) }
    for number in 1...max(1, disks) {
      arguments += [Array("-blockdev".utf8), block(number, of: disks, at: socket)]
      arguments += [Array("-device".utf8), Array(interface.device(number).utf8)]
    }
    return arguments + firmware + more
  }

  private var screen: [String] {
    // A tablet shows the pointer where the host's pointer is.
    hasDisplay ? ["-device", "qemu-xhci", "-device", "usb-tablet"] : ["-display", "none"]
  }

  private var network: [String] {
    guard hasNetwork else { return ["-nic", "none"] }
    return ["-nic", "user,model=\(interface == .virtio ? "virtio-net-pci" : "e1000")"]
  }

  /// The first disk is the export without a name; the names of all are those of the map.
  private func block(_ number: Int, of disks: Int, at socket: FilePath) -> [UInt8] {
    let export = disks > 1 ? Array(",export=".utf8) + DiskName.of(number) : []
    return Array("driver=nbd,node-name=disk\(number),discard=unmap,server.type=unix,server.path=".utf8)
      + QemuOption.escaped(socket.bytes) + export
  }

  private var firmware: [[UInt8]] {
    guard let uefi else { return [] }
    return [(uefi.code, "unit=0,readonly=on"), (uefi.variables, "unit=1")].flatMap { file, options in
      [
        Array("-drive".utf8),
        Array("if=pflash,format=raw,\(options),file=".utf8) + QemuOption.escaped(file.bytes),
      ]
    }
  }
}
