import FoundationEssentials
import SystemPackage

/// The partitions of a disk as sfdisk reports them, in bytes.
func partitions(of disk: FilePath) async throws -> [Range<UInt64>] {
  struct Answer: Decodable {
    struct Table: Decodable {
      struct Partition: Decodable {
        var start: UInt64
        var size: UInt64
      }
      var sectorsize: UInt64?
      var partitions: [Partition]
    }
    var partitiontable: Table
  }
  let answer = try await tool("sfdisk", ["-J", disk])
  let table = try JSONDecoder().decode(Answer.self, from: Data(answer.output)).partitiontable
  let sector = table.sectorsize ?? 512
  return table.partitions.map { $0.start * sector..<($0.start + $0.size) * sector }
}

/// Copies a partition, counted from 1, to a file.
func slice(of disk: FilePath, partition: Int, in scratch: Scratch) async throws -> FilePath {
  try await slice(of: disk, try await partitions(of: disk)[partition - 1], in: scratch)
}

/// Copies a range to a file, unless this was done before.
func slice(of disk: FilePath, _ range: Range<UInt64>, in scratch: Scratch) async throws -> FilePath {
  let target = scratch("slice-\(range.lowerBound)")
  guard !exists(target) else { return target }
  try await tool(
    "dd",
    [
      "if=\(disk)", "of=\(target)", "bs=1M", "iflag=skip_bytes,count_bytes", "skip=\(range.lowerBound)",
      "count=\(range.count)", "conv=sparse", "status=none",
    ])
  return target
}
