/// Whether a byte may stand in the name of a device or of a type of content that is passed to a shell or to mount(8). LVM
/// and blkid(8) use no others: letters, digits and `+_.-`.
func isNameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
  default: "+_.-".utf8.contains(byte)
  }
}
