import Foundation
import Testing

@testable import LogReport

/// CSV, folded stacks, JSON and the summary.
@Suite struct TextTests {
  private let log =
    line(81.052377, 0, 4096, file("/boot/vmlinuz")) + line(81.1, 4096, 4096, file("/boot/vmlinuz"))
    + line(81.2, 0, 512, file("inode table", kind: "m"), "write")
    + line(82.3, 512, 1024, file(#"/a;b/c,d\"e<f>\\303\\134n"#)) + line(82.4, 0, 512, file("/boot", kind: "d"))
    + line(82.5, 0, 512, #"{"kind":"p","device":"/dev/sda1","offset":0}"#)

  @Test func foldedStacks() throws {
    let reported = try ReportedLog(log)
    let expected = [
      #"/dev/sda1;a\073b;c,d"e<f>\303\134n 1024"#, "/dev/sda1;[metadata];inode table 512", "/dev/sda1;[partition] 512",
      "/dev/sda1;boot 512", "/dev/sda1;boot;vmlinuz 8192",
    ]
    #expect(try reported.folded(by: .bytes).split(separator: "\n").sorted() == expected.map { $0[...] }.sorted())
    #expect(try reported.folded(by: .requests).contains("/dev/sda1;boot;vmlinuz 2\n"))
  }

  @Test func commaSeparatedValues() throws {
    let lines = try ReportedLog(log).csv().components(separatedBy: "\r\n")
    #expect(lines.count == 7 && lines.last == "")
    #expect(
      lines[0] == "kind,device,path,read_requests,read_bytes,read_distinct,read_sequential,read_first,read_last,"
        + "write_requests,write_bytes,write_distinct,write_sequential,write_first,write_last")
    #expect(lines[1] == "f,/dev/sda1,/boot/vmlinuz,2,8192,8192,1,81.052377,81.100000,0,0,0,0,,")
    #expect(lines[2] == #"f,/dev/sda1,"/a;b/c,d""e<f>\303\134n",1,1024,0,0,82.300000,82.300000,0,0,0,0,,"#)
    #expect(lines.contains("m,/dev/sda1,inode table,0,0,0,0,,,1,512,512,0,81.200000,81.200000"))
    #expect(lines.contains("p,/dev/sda1,,1,512,0,0,82.500000,82.500000,0,0,0,0,,"))
  }

  @Test func json() throws {
    let text = try ReportedLog(log).json()
    let value = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let objects = try #require(value["objects"] as? [[String: Any]])
    #expect(objects.count == 5 && value["times"] as? Bool == true && value["last"] as? Double == 82.5)
    #expect(objects[1]["path"] as? String == #"/a;b/c,d"e<f>\303\134n"#)
    let phases = try #require(value["phases"] as? [[String: Any]])
    #expect(phases.map { $0["phase"] as? String } == ["kernel and initrd"])
  }

  /// A text log has no times, and moments are numbers of requests.
  @Test func textLogs() throws {
    let reported = try ReportedLog("read f /dev/sda1 /boot/vmlinuz\n 0-1000 2000-3000\nread -\n 3000-3200\n")
    #expect(try reported.csv().contains("\r\nf,/dev/sda1,/boot/vmlinuz,2,8192,8192,0,1,2,0,0,0,0,,\r\n-,,,1,512,"))
    #expect(reported.trace.isEmpty)
    let summary = SummaryText.text(reported.report.figures, reported.objects, phases: reported.report.phases.all)
    #expect(summary.contains("request 1  request 3         3  8.5 KiB        1  kernel and initrd\n"), "\(summary)")
    #expect(!summary.contains("seconds") && summary.contains("no object"))
    #expect(try reported.page().contains("\"timed\":false"))
  }

  @Test func alignedColumns() {
    var table = AlignedTable()
    table.add(["", "read", ""])
    table.add(["1.5 µs", "3", "name"])
    #expect(table.text(indent: 1) == "         read\n 1.5 µs     3  name\n")
  }
}
