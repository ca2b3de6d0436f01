import Testing

@testable import Traces

/// Trace events that QEMU 7.2 wrote, and the forms of its prefix.
@Suite struct QemuTraceTests {
  private static let virtio = """
    1731@1796064377.714028:blk_co_preadv blk 0x55fa8705d6c0 bs 0x55fa87060080 offset 0 bytes 512 flags 0x0
    1731@1796064377.803877:virtio_blk_handle_read vdev 0x55fa87dba180 req 0x55fa8803b4c0 sector 2048 nsectors 64
    1731@1796064377.803943:blk_co_preadv blk 0x55fa8705d6c0 bs 0x55fa87060080 offset 1048576 bytes 32768 flags 0x8
    1731@1796064377.804047:virtio_blk_rw_complete vdev 0x55fa87dba180 req 0x55fa8803b4c0 ret 0
    1731@1796064377.804049:virtio_blk_req_complete vdev 0x55fa87dba180 req 0x55fa8803b4c0 status 0
    1731@1796064377.804399:virtio_blk_handle_write vdev 0x55fa87dba180 req 0x55fa8803b4c0 sector 2048 nsectors 64
    1731@1796064377.804422:blk_co_pwritev blk 0x55fa8705d6c0 bs 0x55fa87060080 offset 1048576 bytes 32768 flags 0x8
    1731@1796064377.833264:virtio_blk_rw_complete vdev 0x55fa87dba180 req 0x55fa8803b4c0 ret -5
    2026-11-30T18:46:25.677806Z qemu-system-x86_64: terminating on signal 15 from pid 1730 (timeout)

    """

  @Test func blockBackends() throws {
    let trace = try read(Self.virtio)
    #expect(trace.format == "qemu" && trace.counted == "at the block backends")
    #expect(
      trace.requests == [
        "read 0x55fa8705d6c0 0-512 at 1796064377714028", "read 0x55fa8705d6c0 1048576-1081344 at 1796064377803943",
        "write 0x55fa8705d6c0 1048576-1081344 at 1796064377804422",
      ])
    #expect(trace.skipped == 2)
  }

  /// Without the events of the block backends, those of virtio-blk have latencies.
  @Test func virtioBlk() throws {
    let lines = Self.virtio.split(separator: "\n").filter { $0.contains("virtio") }
    let trace = try read(lines.joined(separator: "\n") + "\n")
    #expect(trace.counted == "at the emulated devices")
    #expect(
      trace.requests == [
        "read 0x55fa87dba180 1048576-1081344 at 1796064377803877 in 170000 error 0",
        "write 0x55fa87dba180 1048576-1081344 at 1796064377804399 in 28865000 error 5",
      ])
    // A request whose end is not in the trace counts, too, and so does one whose pointer is used again.
    let cut = try read(lines[0] + "\n" + lines[3] + "\n")
    #expect(
      cut.requests == [
        "read 0x55fa87dba180 1048576-1081344 at 1796064377803877",
        "write 0x55fa87dba180 1048576-1081344 at 1796064377804399",
      ])
  }

  @Test func requestsWithoutAnEndAreBounded() throws {
    let count = 1 << 16
    var text = ""
    for number in 0...count {
      text += "virtio_blk_handle_read vdev 0x1 req 0x\(String(number, radix: 16)) sector \(number) nsectors 1\n"
    }
    let trace = try read(text + "virtio_blk_rw_complete vdev 0x1 req 0x0 ret 0\n")
    #expect(trace.requests.count == count + 1)
    #expect(trace.lines == Array(1...count + 1))
  }

  /// The same event without a time, as new versions write it, and as qemu-trace-stap prints it.
  @Test func prefixes() throws {
    let event = "blk_co_preadv blk 0x560587bc7080 bs 0x560587bc73d0 offset 4096 bytes 512 flags 0x8\n"
    #expect(try read(event).requests == ["read 0x560587bc7080 4096-4608"])
    #expect(
      try read("2026-11-27T22:03:21.710288Z " + event).requests
        == ["read 0x560587bc7080 4096-4608 at 1795817001710288"])
    #expect(
      try read("11194@1795817001710288123 " + event).requests
        == ["read 0x560587bc7080 4096-4608 at 1795817001710288"])
  }

  /// What `qemu-io --trace` printed for a read, a write, a discard, and two writes of zeroes.
  @Test func zeroesAndLayersBelow() throws {
    let trace = try read(
      """
      blk_co_preadv blk 0x55bda4853990 bs 0x55bda485ebb0 offset 4096 bytes 8192 flags 0x0
      bdrv_co_preadv_part bs 0x55bda485ebb0 offset 4096 bytes 8192 flags 0x0
      bdrv_co_preadv_part bs 0x55bda4865ef0 offset 4096 bytes 8192 flags 0x0
      blk_co_pwritev blk 0x55bda4853990 bs 0x55bda485ebb0 offset 6291456 bytes 65536 flags 0x2
      bdrv_co_pwrite_zeroes bs 0x55bda4865ef0 offset 6291456 bytes 65536 flags 0x0
      blk_co_pwritev blk 0x55bda4853990 bs 0x55bda485ebb0 offset 7340032 bytes 65536 flags 0x6
      read 8192/8192 bytes at offset 4096
      8 KiB, 1 ops; 00.00 sec (27.469 MiB/sec and 3516.0137 ops/sec)

      """)
    #expect(
      trace.requests == [
        "read 0x55bda4853990 4096-12288", "zero 0x55bda4853990 6291456-6356992", "zero 0x55bda4853990 7340032-7405568",
      ])
    #expect(trace.skipped == 5)
  }

  @Test func emulatedDevices() throws {
    let trace = try read(
      """
      1865@1796064385.974121:scsi_disk_dma_command_READ Read (sector 2048, count 64)
      1865@1796064385.974598:scsi_disk_dma_command_WRITE Write (sector 2048, count 64)
      2439@1796064394.036595:ide_sector_read sector=0 nsectors=1
      13372@1796064888.359747:ide_dma_cb IDEState 0x55be1a158b88; sector_num=2048 n=64 cmd=DMA READ
      13372@1796064888.360280:ide_dma_cb IDEState 0x55be1a158b88; sector_num=2048 n=64 cmd=DMA WRITE
      3439@1796064401.995241:pci_nvme_io_cmd cid 1 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'
      3439@1796064401.995245:pci_nvme_read cid 1 nsid 1 nlb 64 count 32768 lba 0x800
      3439@1796064401.995625:pci_nvme_write cid 2 opname 'NVME_NVM_CMD_WRITE' nsid 1 nlb 8 count 32768 lba 0x800

      """)
    #expect(
      trace.requests == [
        "read scsi 1048576-1081344 at 1796064385974121", "write scsi 1048576-1081344 at 1796064385974598",
        "read ide 0-512 at 1796064394036595", "read 0x55be1a158b88 1048576-1081344 at 1796064888359747",
        "write 0x55be1a158b88 1048576-1081344 at 1796064888360280", "read nvme 1048576-1081344 at 1796064401995245",
        "write nvme 8388608-8421376 at 1796064401995625",
      ])
  }

  @Test(arguments: [
    "blk_co_preadv blk 0x1 bs 0x2 offset 0 byt", "blk_co_preadv blk 1 bs 0x2 offset 0 bytes 1 flags 0x0",
    "blk_co_pwritev blk 0x1 bs 0x2 offset -1 bytes 1 flags 0x0",
    "blk_co_pwritev blk 0x1 bs 0x2 offset 18446744073709551615 bytes 1 flags 0x0",
    "virtio_blk_handle_read vdev 0x1 req 0x2 sector 36028797018963968 nsectors 1",
    "virtio_blk_handle_read vdev 0x1 sector 1 nsectors 1", "virtio_blk_rw_complete vdev 0x1 req 0x2 ret x",
    "scsi_disk_dma_command_READ Read (sector 1 count 1)", "ide_sector_read sector= nsectors=1",
    "ide_dma_cb IDEState ; sector_num=1 n=1 cmd=DMA READ", "pci_nvme_read cid 1 nsid 1 nlb 0 count 1 lba 0x1",
    "pci_nvme_read cid 1 nsid 1 nlb 1 count 512 lba 0xffffffffffffffff", "blk_co_preadv",
  ])
  func damaged(_ line: String) {
    let reason = problem(line + "\n") ?? ""
    #expect(reason.hasPrefix("line 1: no "), "\(reason)")
  }
}
