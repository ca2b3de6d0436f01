import Testing

@testable import Traces

/// Logs of nbdkit, fio, biosnoop, and the logger itself.
@Suite struct OtherTraceTests {
  /// nbdkit 1.32's log filter, above the error filter for one of the reads.
  private static let nbdkit = """
    2026-11-30 18:45:47.882466 Ready thread_model=3
    2026-11-30 18:45:47.882870 Fork
    2026-11-30 18:45:47.887310 Preconnect id=1 readonly=0 ...
    2026-11-30 18:45:47.887318 ...Preconnect id=1 return=0
    2026-11-30 18:45:47.887617 connection=1 Connect export="" tls=0 size=0x4000000 minsize=0x0 prefsize=0x0 maxsize=0x0 \
    write=1 flush=1 rotational=0 trim=1 zero=2 fua=2 extents=1 cache=2 fast_zero=1
    2026-11-30 18:45:47.887884 connection=1 Read id=1 offset=0x1000 count=0x2000 ...
    2026-11-30 18:45:47.887892 connection=1 ...Read id=1 return=0
    2026-11-30 18:45:47.888184 connection=1 Write id=2 offset=0x200000 count=0x3000 fua=1 ...
    2026-11-30 18:45:47.888540 connection=1 Trim id=3 offset=0x400000 count=0x100000 fua=0 ...
    2026-11-30 18:45:47.888550 connection=1 ...Trim id=3 return=0
    2026-11-30 18:45:47.888395 connection=1 ...Write id=2 return=0
    2026-11-30 18:45:47.888620 connection=1 Zero id=4 offset=0x600000 count=0x10000 trim=0 fua=1 fast=0 ...
    2026-11-30 18:45:47.888626 connection=1 ...Zero id=4 return=0
    2026-11-30 18:45:47.888931 connection=1 Flush id=7 ...
    2026-11-30 18:45:47.888936 connection=1 ...Flush id=7 return=0
    2026-11-30 18:45:47.901327 connection=1 Read id=8 offset=0x1000 count=0x2000 ...
    2026-11-30 18:45:47.901377 connection=1 ...Read id=8 return=-1 error=ENOSPC
    2026-11-30 18:45:47.902000 connection=1 Cache id=9 offset=0x0 count=0x200 ...
    2026-11-30 18:45:47.902632 connection=1 Disconnect transactions=9

    """

  @Test func nbdkitLogFilter() throws {
    let trace = try read(Self.nbdkit)
    #expect(trace.format == "nbdkit" && trace.sizes == [0x400_0000])
    #expect(
      trace.requests == [
        "read  4096-12288 at 1796064347887884 in 8000 error 0",
        "trim  4194304-5242880 at 1796064347888540 in 10000 error 0",
        "write  2097152-2109440 at 1796064347888184 in 211000 error 0",
        "zero  6291456-6356992 at 1796064347888620 in 6000 error 0", "flush  at 1796064347888931 in 5000 error 0",
        "read  4096-12288 at 1796064347901327 in 50000 error 28", "cache  0-512 at 1796064347902000",
      ])
    #expect(trace.skipped == 6)
  }

  /// Two clients of different exports, whose requests have the same numbers.
  @Test func exportsOfNBDKit() throws {
    let trace = try read(
      """
      2026-11-30 18:45:47.000001 connection=1 Connect export="a \\" b" tls=0 size=0x1000
      2026-11-30 18:45:47.000002 connection=2 Connect export="c" tls=0 size=0x2000
      2026-11-30 18:45:47.000003 connection=2 Read id=1 offset=0x0 count=0x200 ...
      2026-11-30 18:45:47.000004 connection=1 Read id=1 offset=0x200 count=0x200 ...
      2026-11-30 18:45:47.000005 connection=2 ...Read id=1 return=0
      2026-11-30 18:45:47.000006 connection=1 ...Read id=1 return=0
      2026-11-30 18:45:47.000007 connection=7 Flush id=1 ...

      """)
    let start = 1_796_064_347_000_000
    #expect(
      trace.requests == [
        "read c 0-512 at \(start + 3) in 2000 error 0", "read a \\\" b 512-1024 at \(start + 4) in 2000 error 0",
        "flush  at \(start + 7)",
      ])
    #expect(trace.connections == [2, 1, 7])
    #expect(trace.sizes == [0x1000, 0x2000, nil])
  }

  @Test func damagedLogsOfNBDKit() {
    let start = "2026-11-30 18:45:47.000003 connection=1 "
    for (line, reason) in [
      ("Read id=1 offset=0x0 count=512 ...", "no offset= and count= that fit in 64 bits"),
      ("Read id=1 offset=0xffffffffffffffff count=0x1 ...", "no offset= and count= that fit in 64 bits"),
      ("Read offset=0x0 count=0x1 ...", "no id= of a request"), ("...Read id=1", "no return= of a request"),
      ("Connect export=\"a", "the name of the export has no end"), ("Connect x", "no export= of a connection"),
    ] { #expect(problem(start + line + "\n", format: "nbdkit") == "line 1: \(reason)", "\(line)") }
    let endless = "2026-11-30 18:45:47.000003 connection=x Read\n"
    #expect(problem(endless, format: "nbdkit") == "line 1: connection= is not a number")
    // Dates that do not exist are no times.
    #expect((try? read("2026-13-30 18:45:47.000003 connection=1 Read\n", format: "nbdkit"))?.skipped == 1)
  }

  /// fio 3.33 with --write_iolog, and version 2 as its manual describes it.
  @Test func fio() throws {
    let trace = try read(
      """
      fio version 3 iolog
      21 d.img add
      135 d.img open
      139 d.img read 0 4096
      174 d.img write 28672 4096
      180 /dev/loop0 trim 65536 65536
      190 d.img datasync 0 0
      242 d.img close

      """)
    #expect(trace.format == "fio")
    #expect(
      trace.requests == [
        "read d.img 0-4096 at 139", "write d.img 28672-32768 at 174", "trim /dev/loop0 65536-131072 at 180",
        "flush d.img at 190",
      ])
    #expect(
      try read("fio version 2 iolog\n/dev/sda add\n/dev/sda wait 200 0\n/dev/sda read 0 512\n").requests
        == ["read /dev/sda 0-512"])
    #expect(problem("fio version 1\n") == "line 1: not an I/O log of fio in version 2 or 3")
    #expect(problem("fio version 3 iolog\nx read 0 1\n") == "line 2: no time at the start")
    #expect(problem("fio version 3 iolog\n1 x fly\n") == "line 2: not a file and an action")
    let far = "line 2: no offset and length that fit in 64 bits"
    #expect(problem("fio version 2 iolog\nx read 18446744073709551615 1\n") == far)
    #expect(problem("fio version 2 iolog\nx read 1\n") == far)
  }

  /// The examples of bcc's documentation, and a line in the format of its libbpf tool.
  @Test func biosnoop() throws {
    let trace = try read(
      """
      TIME(s)     COMM           PID    DISK    T SECTOR     BYTES   LAT(ms)
      0.000004    supervise      1950   xvda1   W 13092560   4096       0.74
      2.003920    xfsaild/md0    456    xvdc    W 62901512   8192       0.23
      2.004204    kworker/0:3    26040  xvdb    R 41950344   65536      0.34
      2.004300    a process x    26041  xvdb    R 8          512        0.50
      Possibly lost 3 samples

      """)
    #expect(trace.format == "biosnoop" && trace.lost == 3)
    #expect(
      trace.requests == [
        "write xvda1 6703390720-6703394816 at 0 in 740000",
        "write xvdc 32205574144-32205582336 at 2003690 in 230000",
        "read xvdb 21478576128-21478641664 at 2003864 in 340000", "read xvdb 4096-4608 at 2003800 in 500000",
      ])
    let queued = try read(
      """
      TIME(s)     COMM           PID    DISK    T SECTOR     BYTES  QUE(ms) LAT(ms)
      0.000771    sync           22177  nvme1n1 W 41963894   3072      0.11    0.47

      """)
    #expect(queued.requests == ["write nvme1n1 21485513728-21485516800 at 301 in 470000"])
    let libbpf = try read(
      """
      TIME(s)     COMM           PID     DISK    T    SECTOR     BYTES   LAT(ms)
      0.000000    jbd2/vda1-8    300     vda     FWFS 16         4096      0.500
      0.010000    fstrim         301     vda     DS   2048       1048576   0.250
      0.020000    kworker/0:1H   302     vda     FF   0          0         1.250

      """)
    #expect(
      libbpf.requests == [
        "write vda 8192-12288 at 0 in 500000", "trim vda 1048576-2097152 at 9750 in 250000",
        "flush vda at 18750 in 1250000",
      ])
  }

  @Test func damagedBiosnoop() {
    let header = "TIME(s)     COMM           PID    DISK    T SECTOR     BYTES   LAT(ms)\n"
    #expect(problem(header + "0.1 a 1 sda W\n") == "line 2: fewer columns than the header has")
    let wrong = "line 2: no sector, bytes and latency that fit in 64 bits"
    #expect(problem(header + "0.1 a 1 sda W 36028797018963968 512 0.1\n") == wrong)
    #expect(problem(header + "0.1 a 1 sda W 8 512 x\n") == wrong)
    #expect(problem(header + "0.1 a 1 sda W 8 512 0.1234567\n") == wrong)
  }

  /// A log of the logger, of two disks.
  @Test func jsonLog() throws {
    let trace = try read(
      """
      {"time":81.052377,"op":"read","disk":1,"connection":3,"offset":40333312,"length":4096,"result":"ok",\
      "latency":35.2,"pieces":[{"offset":40333312,"length":4096,"objects":[{"kind":"f","device":"/dev/sda1",\
      "path":"/a \\"} b","offset":0}]}]}
      {"lost":5,"reason":"No space left on device"}
      {"time":82.5,"op":"write","disk":2,"connection":1,"offset":0,"length":512,"result":"EIO","latency":1.0,"pieces":[]}
      { "op": "flush", "disk": 2, "offset": 0, "length": 0, "pieces": [] }

      """)
    #expect(trace.format == "json" && trace.lost == 5)
    #expect(
      trace.requests == [
        "read 1 40333312-40337408 at 81052377 in 35200 error 0", "write 2 0-512 at 82500000 in 1000 error 5", "flush 2",
      ])
    #expect(trace.connections == [3, 1, 1])
  }

  @Test func damagedJSON() {
    let place = "not a line of the JSON log, near byte "
    let incomplete = "no \"op\", \"offset\" and \"length\" of a request"
    for (line, reason) in [
      ("{\"op\":\"read\"", place + "13"), ("{\"op\":\"read\",\"disk\":-1}", place + "21"),
      ("{\"op\":[\"}", place + "7"),
      ("{\"time\":1.x,\"op\":\"read\"}", place + "11"), ("{\"op\":\"read\\", place + "14"), ("{,}", place + "2"),
      ("{\"a\" 1}", place + "6"), ("{\"op\":\"read\",\"time\":99999999999}", place + "32"),
      ("{\"op\":\"read\"} x", "something follows the object"), ("{\"op\":\"fly\"}", incomplete), ("{}", incomplete),
      ("{\"op\":\"read\",\"disk\":1,\"offset\":18446744073709551615,\"length\":2}", incomplete),
    ] { #expect(problem(line + "\n", format: "json") == "line 1: \(reason)", "\(line)") }
  }

  @Test func whatIsNoTrace() {
    #expect(problem("") == "is empty: the program that should have written this trace may have failed")
    let unknown = "not a trace in a known format: name it with --trace-format "
    for text in ["hello\n", "\n\n", "1 0 1000 v /dev/sda\n", "{\"a\":", "\0\0\0\0", "blk_co_preadv blk 0x1"] {
      #expect(problem(text)?.hasPrefix(unknown) == true, "\(text)")
    }
    #expect(problem("hello\n", format: "qemu") == nil)
    let formats = ["biosnoop", "blkparse", "blktrace", "fio", "json", "nbdkit", "qemu", "tracepoints"]
    #expect(TraceFormats.names == formats)
  }
}
