/// Memory that O_DIRECT takes, for the process's life.
struct AlignedBuffer {
  let bytes: UnsafeMutableRawBufferPointer

  init(size: Int) {
    bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
  }
}
