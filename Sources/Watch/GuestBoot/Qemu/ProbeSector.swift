/// A boot sector that shows whether a guest can run: it waits for two ticks of the clock and then ends qemu with a
/// status that nothing else gives. Reaching it takes the BIOS and a disk, and the ticks take interrupts.
enum ProbeSector {
  /// The I/O port of qemu's device `isa-debug-exit`.
  static let port: UInt16 = 0xf4
  private static let value: UInt8 = 0x31
  /// The device makes this of the value.
  static let exitStatus = Int32(value) << 1 | 1

  /// 512 bytes.
  static var bytes: [UInt8] {
    let code: [UInt8] = [
      0xfa,  // cli
      0x31, 0xc0,  // xor ax, ax
      0x8e, 0xd0,  // mov ss, ax
      0xbc, 0x00, 0x7c,  // mov sp, 0x7c00
      0xfb,  // sti
      0xb9, 0x02, 0x00,  // mov cx, 2
      0x51,  // again: push cx
      0xb4, 0x00, 0xcd, 0x1a,  // mov ah, 0; int 0x1a (the ticks are in cx and dx)
      0x89, 0xd3,  // mov bx, dx
      0xb4, 0x00, 0xcd, 0x1a,  // wait: mov ah, 0; int 0x1a
      0x39, 0xd3,  // cmp bx, dx
      0x74, 0xf8,  // je wait
      0x59,  // pop cx
      0xe2, 0xee,  // loop again
      0xba, UInt8(port & 0xff), UInt8(port >> 8),  // mov dx, port
      0xb0, value,  // mov al, value
      0xee,  // out dx, al
      0xf4,  // hlt
      0xeb, 0xfd,  // jmp to the hlt
    ]
    return code + [UInt8](repeating: 0, count: 510 - code.count) + [0x55, 0xaa]
  }
}
