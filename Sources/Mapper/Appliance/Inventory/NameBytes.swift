/// Whether a byte is allowed in a name that is passed to a shell or to mount(8): the name of a device, except for its
/// slashes, or of a type. LVM and blkid(8) use no others: letters, digits and `+_.-`.
func isNameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
  default: "+_.-".utf8.contains(byte)
  }
}
