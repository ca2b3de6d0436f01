/// libguestfs's names of disks.
public enum DiskName {
  public static let prefix = Array("/dev/sd".utf8)

  /// `/dev/sda` for 1, `/dev/sdaa` for 27.
  /// - Parameter number: 1 for the first disk.
  public static func of(_ number: Int) -> [UInt8] {
    var letters: [UInt8] = []
    var rest = number
    while rest > 0 {
      letters.insert(UInt8(ascii: "a") + UInt8((rest - 1) % 26), at: 0)
      rest = (rest - 1) / 26
    }
    return prefix + letters
  }
}
