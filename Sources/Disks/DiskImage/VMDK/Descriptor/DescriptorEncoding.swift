/// The encodings that a descriptor may declare.
///
/// They all encode the ASCII characters used in a descriptor as ASCII does, so it can be parsed without conversion.
/// File names are plain bytes.
enum DescriptorEncoding {
  private static let known: Set<String> = {
    var names: Set<String> = [
      "utf8", "usascii", "ascii", "gbk", "gb2312", "gb18030", "big5", "big5hkscs", "shiftjis", "sjis", "eucjp", "euckr",
      "cp932", "cp936", "cp949", "cp950", "windows31j", "windows932", "windows936", "windows949", "windows950", "ms932",
      "koi8r", "koi8u", "tis620", "windows874", "latin1",
    ]
    for number in 1250...1258 { names.formUnion(["windows\(number)", "cp\(number)"]) }
    for number in 1...16 { names.insert("iso8859\(number)") }
    return names
  }()

  /// Whether an encoding is known, ignoring case, hyphens and underscores: `UTF-8`, `windows-1252`, `Shift_JIS`.
  static func isKnown(_ name: [UInt8]) -> Bool {
    let letters = lowercased(name).filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "_") }
    return known.contains(String(decoding: letters, as: UTF8.self))
  }
}
