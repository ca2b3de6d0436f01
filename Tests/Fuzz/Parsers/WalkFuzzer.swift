import BlockMap
import WalkRecord

@testable import BlockStack
@testable import WalkAssembly

extension ParserFuzzer {
  /// The records of a walker in a hostile appliance, mixed with the reads that the recorder sees.
  ///
  /// Each step starts with a byte: 255 is a read, followed by the disk, the offset in blocks of 4 KiB and the length;
  /// any other is the type of a record, followed by its flags, its length and that many bytes.
  static let walk = ParserFuzzer("walk") { bytes in
    var input = FuzzNumbers(bytes)
    var walk = WalkAssembler()
    do {
      while !input.isAtEnd {
        let type = input.byte()
        if type == 255 {
          let disk = input.byte()
          walk.read(disk: disk % 4, offset: input.next(3) << 12, length: UInt32(input.next(2)))
          continue
        }
        let flags = input.byte()
        let payload = input.take(Int(input.byte()))
        try write(type: type, flags: flags, payload).withUnsafeBytes { write in
          try forEachRecord(in: write) { try walk.take($0) }
        }
        try check((0...1).contains(walk.progress), "progress is \(walk.progress)")
      }
    } catch let violation as Violation {
      throw violation
    } catch {
      // A lie was detected: nothing of the walk is used.
      return
    }
    let table = DeviceTable(parsing: tables)
    guard walk.resolve(table, device: "252:0") == nil else { return }
    var builder = BlockMapBuilder()
    _ = walk.add(to: &builder, device: Array("/dev/sda1".utf8))
  }

  /// Two disks, and a linear device mapper device that maps all of the first one.
  private static let tables = """
    disk 8:0 1
    disk 8:16 2
    device 8:0 - 0 131072
    device 8:16 - 0 131072
    device 252:0 - 0 131072
    table 252:0 0 131072 linear 8:0 0

    """

  /// Encodes one record as a walker would.
  private static func write(type: UInt8, flags: UInt8, _ payload: [UInt8]) -> [UInt8] {
    let record = [type, flags, UInt8(payload.count), 0] + payload
    let length = UInt32(8 + record.count)
    return Array("VBW1".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + record
  }
}
