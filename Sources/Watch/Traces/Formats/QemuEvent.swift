import AccessLog
import Bytes
import Glibc

/// An event of QEMU that is about a request. The names and fields are those of the trace-events files of QEMU 7.2.
enum QemuEvent {
  case backendRead, backendWrite, backendDiscard, backendZeroes
  case virtioRead, virtioWrite, virtioComplete
  case scsiRead, scsiWrite
  case ideSectorRead, ideSectorWrite, ideDMA
  case nvmeRead, nvmeWrite

  /// Where in QEMU an event comes from.
  enum Layer {
    case device, backend
  }

  /// What an event says.
  struct Request {
    var operation: Operation
    /// In bytes of the disk.
    var range: Range<UInt64>
    /// The pointer or number that stands for the disk; nil if there is none.
    var source: UnsafeRawBufferPointer?
    /// The pointer by which the end of the request is found; nil if QEMU has no event for it.
    var request: UInt64?
  }

  private static let zeroes: UInt64 = 0x2

  init?(_ name: UnsafeRawBufferPointer) {
    switch name.first {
    case UInt8(ascii: "b"): self.init(backend: name)
    case UInt8(ascii: "v"): self.init(virtio: name)
    case UInt8(ascii: "s"), UInt8(ascii: "i"), UInt8(ascii: "p"): self.init(device: name)
    default: return nil
    }
  }

  private init?(backend name: UnsafeRawBufferPointer) {
    switch name {
    case let name where name.equals("blk_co_preadv"): self = .backendRead
    case let name where name.equals("blk_co_pwritev"): self = .backendWrite
    case let name where name.equals("blk_co_pdiscard"): self = .backendDiscard
    case let name where name.equals("blk_co_pwrite_zeroes"): self = .backendZeroes
    default: return nil
    }
  }

  private init?(virtio name: UnsafeRawBufferPointer) {
    switch name {
    case let name where name.equals("virtio_blk_handle_read"): self = .virtioRead
    case let name where name.equals("virtio_blk_handle_write"): self = .virtioWrite
    case let name where name.equals("virtio_blk_rw_complete"): self = .virtioComplete
    default: return nil
    }
  }

  private init?(device name: UnsafeRawBufferPointer) {
    switch name {
    case let name where name.equals("scsi_disk_dma_command_READ"): self = .scsiRead
    case let name where name.equals("scsi_disk_dma_command_WRITE"): self = .scsiWrite
    case let name where name.equals("ide_sector_read"): self = .ideSectorRead
    case let name where name.equals("ide_sector_write"): self = .ideSectorWrite
    case let name where name.equals("ide_dma_cb"): self = .ideDMA
    case let name where name.equals("pci_nvme_read"): self = .nvmeRead
    case let name where name.equals("pci_nvme_write"): self = .nvmeWrite
    default: return nil
    }
  }

  var layer: Layer {
    switch self {
    case .backendRead, .backendWrite, .backendDiscard, .backendZeroes: .backend
    default: .device
    }
  }

  /// The name of the source of events that do not say which disk they are about.
  var sourceName: String {
    switch self {
    case .scsiRead, .scsiWrite: "scsi"
    case .ideSectorRead, .ideSectorWrite: "ide"
    case .nvmeRead, .nvmeWrite: "nvme"
    default: "unknown"
    }
  }

  /// The end of a request of virtio-blk; nil for another event.
  func end(_ line: inout TraceLine) throws(TraceProblem) -> (request: UInt64, errno: Int32)? {
    guard case .virtioComplete = self else { return nil }
    guard let request = line.word(after: "req").hexadecimal, let result = line.word(after: "ret").signed else {
      throw TraceProblem("no req and ret of a request")
    }
    return (request, blockErrno(result) ?? EIO)
  }

  /// What the event says; nil if it is about no bytes of a disk.
  /// - Parameter line: after the name of the event.
  func request(_ line: TraceLine) throws(TraceProblem) -> Request? {
    var line = line
    switch self {
    case .backendRead: return try backend(.read, &line)
    case .backendWrite: return try backend(.write, &line)
    case .backendDiscard: return try backend(.trim, &line)
    case .backendZeroes: return try backend(.zero, &line)
    case .virtioRead: return try virtio(.read, &line)
    case .virtioWrite: return try virtio(.write, &line)
    case .scsiRead: return try scsi(.read, &line)
    case .scsiWrite: return try scsi(.write, &line)
    case .ideSectorRead: return try ideSectors(.read, &line)
    case .ideSectorWrite: return try ideSectors(.write, &line)
    case .ideDMA: return try ideDMA(&line)
    case .nvmeRead: return try nvme(.read, &line)
    case .nvmeWrite: return try nvme(.write, &line)
    case .virtioComplete: return nil
    }
  }

  /// `blk 0x… bs 0x… offset N bytes N flags 0x…`
  private func backend(_ operation: Operation, _ line: inout TraceLine) throws(TraceProblem) -> Request {
    let source = line.word(after: "blk")
    let range = byteRange(line.word(after: "offset").decimal, length: line.word(after: "bytes").decimal)
    let flags = line.word(after: "flags").hexadecimal ?? 0
    guard source.hexadecimal != nil, let range else {
      throw TraceProblem("no blk, offset and bytes that fit in 64 bits")
    }
    let isZero = operation == .write && flags & Self.zeroes != 0
    return Request(operation: isZero ? .zero : operation, range: range, source: source)
  }

  /// `vdev 0x… req 0x… sector N nsectors N`
  private func virtio(_ operation: Operation, _ line: inout TraceLine) throws(TraceProblem) -> Request {
    let source = line.word(after: "vdev")
    let request = line.word(after: "req").hexadecimal
    let range = byteRange(sector: line.word(after: "sector").decimal, count: line.word(after: "nsectors").decimal)
    guard source.hexadecimal != nil, let request, let range else {
      throw TraceProblem("no vdev, req, sector and nsectors that fit in 64 bits")
    }
    return Request(operation: operation, range: range, source: source, request: request)
  }

  /// `Read (sector N, count N)`. The sectors are those of the device, which usually have 512 bytes.
  private func scsi(_ operation: Operation, _ line: inout TraceLine) throws(TraceProblem) -> Request {
    let sector = line.word(after: "(sector")
    let count = line.word(after: "count")
    guard sector.ends(with: UInt8(ascii: ",")), count.ends(with: UInt8(ascii: ")")),
      let range = byteRange(sector: sector.withoutLast.decimal, count: count.withoutLast.decimal)
    else { throw TraceProblem("no sector and count that fit in 64 bits") }
    return Request(operation: operation, range: range)
  }

  /// `sector=N nsectors=N`
  private func ideSectors(_ operation: Operation, _ line: inout TraceLine) throws(TraceProblem) -> Request {
    guard let range = byteRange(sector: line.value(of: "sector=").decimal, count: line.value(of: "nsectors=").decimal)
    else { throw TraceProblem("no sector= and nsectors= that fit in 64 bits") }
    return Request(operation: operation, range: range)
  }

  /// `IDEState 0x…; sector_num=N n=N cmd=DMA READ`
  private func ideDMA(_ line: inout TraceLine) throws(TraceProblem) -> Request? {
    let source = line.word(after: "IDEState")
    let range = byteRange(sector: line.value(of: "sector_num=").decimal, count: line.value(of: "n=").decimal)
    _ = line.value(of: "cmd=")
    let command = line.word()
    // The ranges of TRIM are in the memory of the guest.
    guard command.equals("READ") || command.equals("WRITE") else { return nil }
    guard source.ends(with: UInt8(ascii: ";")), source.withoutLast.hexadecimal != nil, let range else {
      throw TraceProblem("no IDEState, sector_num= and n= that fit in 64 bits")
    }
    return Request(operation: command.equals("READ") ? .read : .write, range: range, source: source.withoutLast)
  }

  /// `cid N nsid N nlb N count N lba 0x…`; a write has `opname '…'` before nsid. `count` is in bytes.
  private func nvme(_ operation: Operation, _ line: inout TraceLine) throws(TraceProblem) -> Request {
    var isZero = false
    if operation == .write {
      var copy = line
      isZero = copy.word(after: "opname").equals("'NVME_NVM_CMD_WRITE_ZEROES'")
    }
    let blocks = line.word(after: "nlb").decimal
    let bytes = line.word(after: "count").decimal
    let first = line.word(after: "lba").hexadecimal
    guard let blocks, blocks > 0, let bytes, let first,
      let range = byteRange(first.times(bytes / blocks), length: bytes)
    else { throw TraceProblem("no nlb, count and lba that fit in 64 bits") }
    return Request(operation: isZero ? .zero : operation, range: range)
  }
}

extension UnsafeRawBufferPointer {
  fileprivate var withoutLast: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: dropLast()) }
}
