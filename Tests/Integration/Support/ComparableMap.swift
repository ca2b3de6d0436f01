extension MapText {
  /// The lines as `DISK START END KIND@OFFSET DEVICE PATH`, numbers in hex, so that two maps of a guest can be
  /// compared.
  /// md arrays get a different name in each run: here each is named after its mark, the file /MARK that it holds.
  func comparable(marks: [String]) -> Set<String> {
    var names: [[UInt8]: String] = [:]
    for mark in marks {
      guard let line = lines.first(where: { $0.path == Array("/\(mark)".utf8) }) else { continue }
      if line.device.text.hasPrefix("/dev/md") { names[line.device] = mark }
    }
    return Set(
      lines.map { line in
        let numbers = [line.range.lowerBound, line.range.upperBound].map { String($0, radix: 16) }
        return "\(line.disk) \(numbers[0]) \(numbers[1]) \(line.kind)@\(String(line.offset, radix: 16)) "
          + "\(names[line.device] ?? line.device.text) \(line.path.text)"
      })
  }
}
