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
      How to find files. read reads every file. extents asks the filesystem where its files are, and reads only if it \
      cannot say. auto does the same, and reads some files to prove the answer.
      """)
  var method = Method.auto

  @Option(help: ArgumentHelp("Number of files in each filesystem that auto reads as proof.", valueName: "N|all|none"))
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
