/// A name of the device mapper: `vg-pool-tpool`, in which a hyphen that is part of a name is doubled.
package enum MapperName {
  /// The volume's name as LVM shows it: `/dev/vg/pool`.
  package static func device(_ name: Substring) -> String {
    var parts = [""]
    var isAfterHyphen = false
    for character in name.unicodeScalars {
      if isAfterHyphen, character != "-" { parts.append("") }
      if character != "-" || isAfterHyphen { parts[parts.count - 1].unicodeScalars.append(character) }
      isAfterHyphen = character == "-" && !isAfterHyphen
    }
    guard parts.count > 1 else { return "/dev/mapper/\(name)" }
    return "/dev/\(parts[0])/\(parts[1])"
  }
}
