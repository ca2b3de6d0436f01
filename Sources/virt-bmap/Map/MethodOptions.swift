import ArgumentParser
import Mapping

/// How the mapper finds out where files are.
struct MethodOptions: ParsableArguments {
  enum Method: String, ExpressibleByArgument, CaseIterable {
    case auto, extents, read
  }

  enum Proof: ExpressibleByArgument, Equatable {
    case all
    case some(Int)

    init?(argument: String) {
      switch argument {
      case "all": self = .all
      case "none": self = .some(0)
      default:
        guard let count = Int(argument), count >= 0 else { return nil }
        self = .some(count)
      }
    }

    var defaultValueDescription: String {
      switch self {
      case .all: "all"
      case .some(0): "none"
      case .some(let count): String(count)
      }
    }
  }

  @Option(
    help: """
      How files are found: read reads them all; extents asks the filesystem and follows the volumes below it, where both \
      are possible; auto does so too, and proves it on some files by reading them.
      """)
  var method = Method.auto

  @Option(help: ArgumentHelp("How many files of each filesystem auto reads as proof.", valueName: "N|all|none"))
  var proof = Proof.some(MapMethod.usualProof)

  var mapMethod: MapMethod {
    switch method {
    case .read: .read
    case .extents: .extents
    case .auto:
      switch proof {
      case .all: .auto(proof: nil)
      case .some(let count): .auto(proof: count)
      }
    }
  }
}
