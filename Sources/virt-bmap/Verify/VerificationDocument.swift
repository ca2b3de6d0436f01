import BlockMap
import Verification

/// The result as JSON, which is part of the program's interface.
struct VerificationDocument: Encodable {
  struct Filesystem: Encodable {
    var device: String?
    var type: String?
    var proved: Int
    var excepted: Int
    var reasons: [String: Int]
    var wrong: Int
    var unverified: Int

    init(_ filesystem: Verification.Filesystem, isTotal: Bool = false) {
      device = isTotal ? nil : Escaping.text(filesystem.device, as: .device)
      type = filesystem.type.isEmpty ? nil : filesystem.type
      proved = filesystem.proved
      excepted = filesystem.exceptedCount
      reasons = Dictionary(uniqueKeysWithValues: filesystem.excepted.map { ($0.rawValue, $1) })
      wrong = filesystem.wrong
      unverified = filesystem.unverified
    }
  }

  struct Finding: Encodable {
    var device: String
    var path: String
    var reason: String

    init(_ finding: Verification.Finding) {
      device = Escaping.text(finding.device, as: .device)
      path = Escaping.text(finding.path, as: .path)
      reason = finding.reason
    }
  }

  var total: Filesystem
  var filesystems: [Filesystem]
  var wrong: [Finding]
  var excepted: [Finding]

  init(_ result: Verification, _ findings: [Verification.Finding]) {
    total = Filesystem(result.total, isTotal: true)
    filesystems = result.filesystems.map { Filesystem($0) }
    wrong = findings.filter(\.isWrong).map { Finding($0) }
    excepted = findings.filter { !$0.isWrong }.map { Finding($0) }
  }
}
