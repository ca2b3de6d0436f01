/// Page-aligned memory for O_DIRECT reads and writes. It is never freed unless the caller deallocates it.
struct AlignedBuffer {
  let bytes: UnsafeMutableRawBufferPointer

  init(size: Int) {
    bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
  }
}
