import Bytes
import Testing

@testable import Traces

/// Traces of the kernel's block layer, captured on Linux 6.18: qemu-io reads 4 KiB, which fails first, and 8 KiB, and
/// discards, writes zeroes and flushes.
@Suite struct KernelTraceTests {
  static let blkparse = """
      7,0    0        0     0.000000000  4760  Q  RS 0 + 8 [(null)]
      7,0    0        0     0.000040961  4760  C  RS 0 + 8 [65514]
      7,0    0        0     0.000045258  4760  Q  RS 0 + 8 [(null)]
      7,0    0        0     0.000049674  4760  G  RS 0 + 8 [(null)]
      7,0    0        0     0.000051196  4760  P   N [(null)]
      7,0    0        0     0.000051847  4760  U   N [(null)] 1
      7,0    0        0     0.000053390  4760  D  RS 0 + 8 [(null)]
      7,0    1        0     0.001077416    22  C  RS 0 + 8 [0]
      7,0    0        0     0.001855644  4762  Q  DS 8192 + 2048 [(null)]
      7,0    0        0     0.001865118  4762 UT   N [(null)] 1
      7,0    0        0     0.001865609  4762  I  DS 8192 + 2048 [(null)]
      7,0    0        0     0.001874512    10  D  DS 8192 + 2048 [(null)]
      7,0    1        0     0.001899199    22  C  DS 8192 + 2048 [0]
      7,0    0        0     0.001977095  4762  Q  WS 12288 + 128 [(null)]
      7,0    0        0     0.001989443    10  D  WS 12288 + 128 [(null)]
      7,0    1        0     0.002011797    22  C  WS 12288 + 128 [0]
      7,0    0        0     0.002086728  4762  Q FWS [(null)]
      7,0    0        0     0.002094289  4762  G FWS [(null)]
      7,0    0        0     0.002099186    10  D  FN [(null)]
      7,0    0        0     0.002407045    14  C  FN 0 [0]
      7,0    0        0     0.002416158    14  C  WS 0 [0]
    CPU0 (7,0):
     Reads Queued:           5,       80KiB	 Writes Queued:           4,     1100KiB
    Throughput (R/W): 40256KiB/s / 550000KiB/s
    Events (7,0): 51 entries
    Skips: 0 forward (0 -   0.0%)

    """

  static let requests = [
    "read 7,0 0-4096 at 0 in 40961 error 22", "read 7,0 0-4096 at 53 in 1024026 error 0",
    "trim 7,0 4194304-5242880 at 1874 in 24687 error 0", "write 7,0 6291456-6356992 at 1989 in 22354 error 0",
    "flush 7,0 at 2407 error 0",
  ]

  @Test func blkparse() throws {
    let trace = try read(Self.blkparse)
    #expect(trace.format == "blkparse")
    #expect(trace.requests == Self.requests)
    #expect(trace.lines == [2, 8, 13, 16, 20])
    #expect(trace.counted == "when they are completed" && trace.lost == 0 && trace.skipped == 5)
  }

  /// Each request is counted once, whichever stages the trace has.
  @Test func stages() throws {
    func lines(_ actions: [String]) -> String {
      Self.blkparse.split(separator: "\n").filter { line in
        let words = line.split(separator: " ")
        return words.count > 6 && actions.contains(String(words[5]))
      }.joined(separator: "\n") + "\n"
    }
    let issued = try read(lines(["D"]))
    #expect(
      issued.requests == [
        "read 7,0 0-4096 at 53", "trim 7,0 4194304-5242880 at 1874", "write 7,0 6291456-6356992 at 1989",
        "flush 7,0 at 2099",
      ])
    #expect(issued.counted == "when they are issued to the driver")
    let queued = try read(lines(["Q"]))
    #expect(queued.requests.count == 5 && queued.requests.last == "flush 7,0 at 2086")
    // Devices of the device mapper issue nothing.
    let mapped = try read(lines(["Q", "C"]))
    #expect(mapped.requests[0] == "read 7,0 0-4096 at 0 in 40961 error 22")
    #expect(mapped.requests[1] == "read 7,0 0-4096 at 45 in 1032158 error 0")
    #expect(try read(lines(["C"])).requests[0] == "read 7,0 0-4096 at 40 error 22")
  }

  /// Lines from the manual of blkparse, and from its source.
  @Test func otherLinesOfBlkparse() throws {
    let trace = try read(
      """
      8,0    3        1     0.000000000   697  G   W 223490 + 8 [kjournald]
      8,0    3        2     0.000000300   697  A   W 223490 + 8 <- (8,1) 223427
      8,0    3        0     0.000000500     0  m   N cfq697 insert_request
      8,0    3        3     0.000001000   697  D   R 36 (12 00 00 00 24 00) [hald]
      8,0    3        4     0.000002000   697  C   W 223490 + 8 ( 1234567) [65531]
      8,0    3        5     0.000003000   697  C WFSM 8 + 8 [0]
      8,0    3        6     0.000004000   697  C  RA 16 + 8 [0]
      Skips: 3 forward (1,234 -   5.0%)

      """)
    #expect(
      trace.requests == [
        "write 8,0 114426880-114430976 at 2 error 5", "write 8,0 4096-8192 at 3 error 0",
        "read 8,0 8192-12288 at 4 error 0",
      ])
    #expect(trace.lost == 1234)
  }

  /// The same requests as the text, from the same run.
  private static let records = """
    0774616500000000d0dbb18f6e25000000000000000000000010000001001900981200000000700000000000000000000774616500000000\
    d17bb28f6e25000000000000000000000010000008008900981200000000700000000000eaff0000077461650000000057a6b28f6e250000\
    0000000000000000000000000a0011009812000000007000000000000000080000000000000000010774616500000000b730c68f6e250000\
    080000000000000000200000010019009a12000000007000000000000000000007746165000000009a5ec68f6e2500000800000000000000\
    00200000040019009a1200000000700000000000000000000774616500000000de62c68f6e2500000000000000000000000000000a001100\
    9a120000000070000000000000000800000000000000000107746165000000002365c68f6e25000008000000000000000020000007004901\
    9a120000000070000000000000000000077461650000000083bdc68f6e250000080000000000000000200000080089011600000000007000\
    010000000000000007746165000000006c2cce8f6e25000000200000000000000000100001001a209a120000000070000000000000000000\
    0774616500000000704dce8f6e25000000200000000000000000100004001a209a1200000000700000000000000000000774616500000000\
    5953ce8f6e2500000020000000000000000010000c001a219a12000000007000000000000000000007746165000000002076ce8f6e250000\
    00200000000000000000100007004a210a00000000007000000000000000000007746165000000008fd6ce8f6e2500000020000000000000\
    0000100008008a2116000000000070000100000000000000077461650000000018b3d18f6e25000000000000000000000000000001001e00\
    9a1200000000700000000000000000000774616500000000a1d0d18f6e25000000000000000000000000000004001e009a12000000007000\
    00000000000000000774616500000000c2e3d18f6e250000000000000000000000000000070045010a000000000070000000000000000000\
    07746165000000005596d68f6e250000000000000000000000000000080085010e0000000000700000000000000000000774616500000000\
    eeb9d68f6e25000000000000000000000000000008008a010e000000000070000000000000000000
    """

  @Test func blktrace() throws {
    let bytes = try #require(Self.records.utf8.hexDecoded)
    let trace = try ReadTrace(bytes)
    #expect(trace.format == "blktrace")
    #expect(
      trace.requests == [
        "read 7,0 0-4096 at 41156787428 in 40961 error 22", "read 7,0 4096-12288 at 41156788774 in 22624 error 0",
        "trim 7,0 4194304-5242880 at 41156789302 in 24687 error 0", "flush 7,0 at 41156789835 error 0",
      ])
    #expect(!trace.isCut && trace.lines == [2, 8, 13, 17])
    #expect(try ReadTrace(Array(bytes.dropLast())).isCut)
    // The other byte order.
    var swapped = bytes
    var position = 0
    for width in [4, 4, 8, 8, 4, 4, 4, 4, 4, 2, 2] {
      swapped[position..<position + width].reverse()
      position += width
    }
    #expect(try ReadTrace(Array(swapped[..<48])).requests == ["read 7,0 0-4096 at 41156787428"])
  }

  @Test func damagedRecords() throws {
    let bytes = try #require(Self.records.utf8.hexDecoded)
    var wrong = bytes
    wrong[48] = 8
    #expect(problem(wrong) == "line 2: version 8 of the records is not known: give the text of blkparse")
    wrong[49] = 0
    #expect(problem(wrong) == "line 2: not a record of blktrace")
    var far = bytes
    for offset in 16..<24 { far[offset] = 0xff }
    #expect(problem(far) == "line 1: the sectors do not fit in 64 bits")
  }

  private static let perf = """
            qemu-io 32185 [000] 41063.292318:                    block:block_bio_queue: 7,0 RS 0 + 8 [qemu-io]
            qemu-io 32185 [000] 41063.292320:                 block:block_bio_complete: 7,0 RS 0 + 8 [-22]
               perf 32182 [001] 41063.292322:                 block:block_dirty_buffer: 254,0 sector=65208327 size=4096
            qemu-io 32185 [000] 41063.292324:                    block:block_bio_queue: 7,0 RS 0 + 8 [qemu-io]
            qemu-io 32185 [000] 41063.292327:                        block:block_getrq: 7,0 RS 0 + 8 [qemu-io]
            qemu-io 32185 [000] 41063.292328:                     block:block_io_start: 7,0 RS 4096 () 0 + 8 0x2,0,4 [qemu-io]
            qemu-io 32185 [000] 41063.292331:                     block:block_rq_issue: 7,0 RS 4096 () 0 + 8 0x2,0,4 [qemu-io]
        ksoftirqd/0    14 [000] 41063.292390:                  block:block_rq_complete: 7,0 RS () 0 + 8 0x2,0,4 [0]
        ksoftirqd/0    14 [000] 41063.292393:                      block:block_io_done: 7,0 RS 0 () 0 + 0 0x0,0,0 [ksoftirqd/0]
    kworker/0:0H-kb    10 [000] 41063.293036:                     block:block_rq_issue: 7,0 NS 65536 () 12288 + 128 0x2,0,4 [kworker/0:0H]
        ksoftirqd/0    14 [000] 41063.293049:                  block:block_rq_complete: 7,0 NS () 12288 + 128 0x2,0,4 [0]
            qemu-io 32187 [000] 41063.293075:                    block:block_bio_queue: 7,0 FWS 0 + 0 [qemu-io]
    kworker/0:0H-kb    10 [000] 41063.293082:                     block:block_rq_issue: 7,0 FF 0 () 0 + 0 0x0,0,0 [kworker/0:0H]
        ksoftirqd/0    14 [000] 41063.293364:                  block:block_rq_complete: 7,0 FF () 18446744073709551615 + 0 0x0,0,0 [0]
        ksoftirqd/0    14 [000] 41063.293366:                  block:block_rq_complete: 7,0 WS () 0 + 0 0x2,0,4 [0]

    """

  @Test func perfScript() throws {
    let trace = try read(Self.perf)
    #expect(trace.format == "tracepoints" && trace.counted == "when they are completed")
    #expect(
      trace.requests == [
        "read 7,0 0-4096 at 41063292318 in 2000 error 22", "read 7,0 0-4096 at 41063292331 in 59000 error 0",
        "zero 7,0 6291456-6356992 at 41063293036 in 13000 error 0", "flush 7,0 at 41063293364 error 0",
      ])
    #expect(trace.skipped == 4)
  }

  @Test func tracePipe() throws {
    let trace = try read(
      """
      # tracer: nop
      #           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
      CPU:0 [LOST 17 EVENTS]
                 <...>-32201   [000] ..... 41066.354679: block_rq_issue: 7,0 RS 4096 () 0 + 8 be,0,4 [qemu-io]
           1.0: block:-14      [000] ..s.. 41066.354750: block_rq_complete: 7,0 RS () 0 + 8 be,0,4 [0]
           ksoftirqd/0-14      [000] ..s.. 41066.354753: block_io_done: 7,0 RS 0 () 0 + 0 none,0,0 [ksoftirqd/0]
              dd-1 [001] d... 41066.354760: block_rq_complete: 8,16 R () 2056 + 8 [-5]
      """ + "\n")
    #expect(
      trace.requests == [
        "read 7,0 0-4096 at 41066354679 in 71000 error 0", "read 8,16 1052672-1056768 at 41066354760 error 5",
      ])
    #expect(trace.lost == 17 && trace.skipped == 4)
  }

  @Test func damagedLines() {
    let header = "  8,0    3        1     0.000000000   697  "
    #expect(problem(header + "Q   R 1 + x [a]\n") == "line 1: no number of sectors after the +")
    let far = "line 1: the sectors are not numbers that fit in 64 bits"
    #expect(problem(header + "Q   R 36028797018963968 + 1 [a]\n") == far)
    #expect(problem(header + "Q   R 1 + 36028797018963968 [a]\n") == far)
    #expect(problem(header + "Q   R 99999999999999999999 + 1 [a]\n") == far)
    #expect(problem(header + "Q   R + 1 [a]\n") == far)
    let wrong = problem("  8,0 3 x 0.0 697 Q R 1 + 1 [a]\n", format: "blkparse")
    #expect(wrong == "line 1: not an event as blkparse prints them")
    let nameless = problem(" a 1 [0] 1.5: block_rq_issue: x\n", format: "tracepoints")
    #expect(nameless == "line 1: no number of a device, such as 8,0")
    // The end of the trace: the number may have had more digits.
    let cut = try? read(header + "Q   R 1 + 1 [a]\n" + header + "Q   R 1 + 1")
    #expect(cut?.isCut == true && cut?.requests.count == 1)
  }

  @Test func manyDevices() {
    let lines = (0...1024).map { "  8,\($0)    3        1     0.000000000   697  Q   R 1 + 1 [a]\n" }
    #expect(problem(lines.joined()) == "line 1025: requests of more than 1024 devices")
  }

  @Test func aClockThatGoesBack() throws {
    let trace = try read(
      """
        8,0    3        1     5.000000000   697  D   R 8 + 8 [a]
        8,0    3        2     4.950000000   697  C   R 8 + 8 [0]
        8,0    3        3     4.800000000   697  C   R 8 + 8 [0]

      """)
    #expect(trace.requests == ["read 8,0 4096-8192 at 5000000 in 0 error 0", "read 8,0 4096-8192 at 4800000 error 0"])
    #expect(trace.lineOfStepBack == 3)
  }
}
