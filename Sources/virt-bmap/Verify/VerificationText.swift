import Appliance
import BlockMap
import FileProof
import Verification

extension Verification.Finding {
  /// `wrong DEVICE PATH: REASON` or `excepted DEVICE PATH: REASON`, with the names as in the map.
  var line: [UInt8] {
    var bytes = Array((isWrong ? "wrong " : "excepted ").utf8)
    Escaping.append(device, as: .device, to: &bytes)
    bytes.append(0x20)
    Escaping.append(path, as: .path, to: &bytes)
    bytes += ": \(reason)\n".utf8
    return bytes
  }
}

extension Verification {
  /// One line for each filesystem, and one for the total.
  var summary: String {
    var lines = filesystems.map { filesystem in
      let type = filesystem.type.isEmpty ? "" : " (\(filesystem.type))"
      return "\(Escaping.text(filesystem.device, as: .device))\(type): \(filesystem.counts)"
    }
    lines.append("total: \(total.counts)")
    return lines.map { $0 + "\n" }.joined()
  }
}

extension Verification.Filesystem {
  fileprivate var counts: String {
    let reasons = ProofException.allCases.compactMap { reason in
      excepted[reason].map { "\($0) \(reason.rawValue)" }
    }
    let shown = reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))"
    return "\(proved) proved, \(exceptedCount) excepted\(shown), \(wrong) wrong"
      + (unverified > 0 ? ", \(unverified) not verified" : "")
  }
}
