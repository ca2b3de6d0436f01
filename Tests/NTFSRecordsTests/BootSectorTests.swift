import Testing

@testable import NTFSRecords

@Suite struct BootSectorTests {
  private func sector(cluster: UInt8, record: UInt8, table: UInt64 = 4, size: UInt64 = 512) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 512)
    bytes.replaceSubrange(3..<11, with: Array("NTFS    ".utf8))
    bytes.replaceSubrange(11..<13, with: RecordImage.little(size, 2))
    bytes[13] = cluster
    bytes.replaceSubrange(48..<56, with: RecordImage.little(table, 8))
    bytes[64] = record
    return bytes
  }

  @Test func sizes() {
    let usual = BootSector(sector(cluster: 8, record: 0xf6))
    #expect(usual?.clusterSize == 4096 && usual?.recordSize == 1024 && usual?.tableCluster == 4)
    // First 2^12 sectors per cluster, then records measured in clusters, then sectors of 4096 bytes.
    #expect(BootSector(sector(cluster: 0xf4, record: 0xf6))?.clusterSize == 2 << 20)
    // 128 sectors, which is the cluster size of 64 KiB.
    #expect(BootSector(sector(cluster: 0x80, record: 0xf6))?.clusterSize == 64 << 10)
    #expect(BootSector(sector(cluster: 2, record: 1))?.recordSize == 1024)
    #expect(BootSector(sector(cluster: 1, record: 0xf4, size: 4096))?.recordSize == 4096)
  }

  @Test func whatIsNoBootSector() {
    for (cluster, record) in [(0, 0xf6), (3, 0xf6), (8, 0), (8, 0x7f), (8, 0xf3), (8, 0x80), (0x81, 0xf6)]
      as [(UInt8, UInt8)]
    {
      #expect(BootSector(sector(cluster: cluster, record: record)) == nil, "\(cluster), \(record)")
    }
    #expect(BootSector(sector(cluster: 8, record: 0xf6, table: UInt64.max)) == nil)
    #expect(BootSector([]) == nil && BootSector([UInt8](repeating: 0xff, count: 512)) == nil)
    #expect(BootSector(Array(sector(cluster: 8, record: 0xf6).prefix(60))) == nil)
  }
}
