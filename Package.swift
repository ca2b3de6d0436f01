// swift-tools-version: 6.1
import PackageDescription

/// A shared library that nbdkit loads: it exports its init symbol and nothing else, so that two of them can
/// live in one nbdkit, and it carries the Swift runtime with it, so that it needs no toolchain.
let nbdkitModule: [LinkerSetting] = [
  .unsafeFlags([
    "-static-stdlib",
    "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/NBDKit/exports.map",
  ])
]

/// What Tests/Fuzz/Parsers gives bytes from outside to.
let parsers: [Target.Dependency] = [
  "BlockMap", "DiskImage", "DiskOverlay", "ExtInode", "Mapper", "NTFSRecords", "WalkRecord",
  .product(name: "SystemPackage", package: "swift-system"),
]

let package = Package(
  name: "virt-bmap",
  products: [
    .executable(name: "virt-bmap", targets: ["virt-bmap"]),
    .executable(name: "virt-bmap-walker", targets: ["GuestWalker"]),
    .library(name: "nbdkit-bmaplogger-plugin", type: .dynamic, targets: ["LoggerPlugin"]),
    .library(name: "nbdkit-bmaplogger-filter", type: .dynamic, targets: ["LoggerFilter"]),
    .library(name: "nbdkit-bmaprecorder-plugin", type: .dynamic, targets: ["RecorderPlugin"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0", traits: []),
  ],
  targets: [
    .systemLibrary(
      name: "CGuestfs", pkgConfig: "libguestfs", providers: [.apt(["libguestfs-dev"])]),
    .systemLibrary(name: "CNBDKit", pkgConfig: "nbdkit", providers: [.apt(["nbdkit-plugin-dev"])]),
    .systemLibrary(name: "CZlib", path: "Tests/CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLibnbd", pkgConfig: "libnbd", providers: [.apt(["libnbd-dev"])]),
    .systemLibrary(name: "CLibvirt", pkgConfig: "libvirt", providers: [.apt(["libvirt-dev"])]),
    .systemLibrary(name: "CLibXML", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
    .target(name: "CLinux"),
    .systemLibrary(name: "CPrefetch"),

    .target(
      name: "BlockMap", dependencies: ["CPrefetch", .product(name: "SystemPackage", package: "swift-system")]),
    .target(name: "Inflate", dependencies: ["CDeflate"]),
    .target(name: "Digest", dependencies: ["CCrypto"]),
    .target(
      name: "DiskImage", dependencies: ["Inflate", .product(name: "SystemPackage", package: "swift-system")]),
    .target(
      name: "DiskOverlay",
      dependencies: ["DiskImage", "Digest", "CLinux", .product(name: "SystemPackage", package: "swift-system")]),
    .target(name: "PrintableText"),
    .target(
      name: "NBDKit",
      dependencies: ["CNBDKit", "PrintableText", .product(name: "SystemPackage", package: "swift-system")],
      exclude: ["exports.map"]),
    .target(
      name: "NBDSource",
      dependencies: ["DiskImage", "CLibnbd", .product(name: "SystemPackage", package: "swift-system")]),
    .target(
      name: "LibvirtDomain",
      dependencies: ["CLibvirt", "CLibXML", .product(name: "SystemPackage", package: "swift-system")]),
    .target(name: "WalkRecord"),
    .target(name: "NTFSRecords"),
    .target(name: "ExtInode"),
    .executableTarget(
      name: "GuestWalker", dependencies: ["WalkRecord", "NTFSRecords", "ExtInode", "CLinux"],
      swiftSettings: [.unsafeFlags(["-static-executable"])],
      // Stripped: it is sent into an appliance each time.
      linkerSettings: [.unsafeFlags(["-static-executable", "-Xlinker", "--strip-all"])]),
    .target(
      name: "RecorderPlugin",
      dependencies: [
        "NBDKit", "DiskImage", "NBDSource", "WalkRecord", .product(name: "SystemPackage", package: "swift-system"),
      ],
      linkerSettings: nbdkitModule),
    .target(name: "DiskExports", dependencies: ["BlockMap"]),
    .target(
      name: "DiskLogger",
      dependencies: [
        "NBDKit", "DiskExports", "DiskImage", "DiskOverlay", "BlockMap", "AccessLog",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(
      name: "LoggerPlugin",
      dependencies: [
        "NBDKit", "DiskLogger", "DiskImage", "AccessLog", .product(name: "SystemPackage", package: "swift-system"),
      ],
      linkerSettings: nbdkitModule),
    .target(
      name: "LoggerFilter",
      dependencies: [
        "NBDKit", "DiskLogger", "DiskImage", .product(name: "SystemPackage", package: "swift-system"),
      ],
      linkerSettings: nbdkitModule),
    .target(name: "AccessLog", dependencies: ["BlockMap"]),
    .target(name: "Guestfs", dependencies: ["CGuestfs", "PrintableText"]),
    .target(
      name: "Mapper",
      dependencies: [
        "BlockMap", "WalkRecord", "Guestfs", "DiskImage", "NBDSource", "Digest",
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Subprocess", package: "swift-subprocess"),
      ]),
    .executableTarget(
      name: "virt-bmap",
      dependencies: [
        "Mapper", "BlockMap", "AccessLog", "DiskImage", "NBDSource", "LibvirtDomain", "PrintableText",
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .executableTarget(
      name: "bench-map",
      dependencies: ["BlockMap", .product(name: "SystemPackage", package: "swift-system")],
      path: "Tests/Benchmarks/bench-map"),
    .target(
      name: "Benchmarking",
      dependencies: [.product(name: "Subprocess", package: "swift-subprocess")],
      path: "Tests/Benchmarks/Benchmarking"),
    .executableTarget(
      name: "bench-serve",
      dependencies: [
        "Benchmarking",
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Subprocess", package: "swift-subprocess"),
      ],
      path: "Tests/Benchmarks/bench-serve"),
    .executableTarget(
      name: "bench-vmdk",
      dependencies: [
        "Benchmarking",
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Subprocess", package: "swift-subprocess"),
      ],
      path: "Tests/Benchmarks/bench-vmdk"),
    .executableTarget(
      name: "bench-native",
      dependencies: [
        "Benchmarking",
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Subprocess", package: "swift-subprocess"),
      ],
      path: "Tests/Benchmarks/bench-native"),
    .executableTarget(
      name: "bench-scale",
      dependencies: [
        "Benchmarking",
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Subprocess", package: "swift-subprocess"),
      ],
      path: "Tests/Benchmarks/bench-scale"),
    .executableTarget(
      name: "bench-walk",
      dependencies: [
        "Benchmarking",
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Subprocess", package: "swift-subprocess"),
      ],
      path: "Tests/Benchmarks/bench-walk"),
    .target(
      name: "DiskFuzzing",
      dependencies: ["DiskImage", .product(name: "SystemPackage", package: "swift-system")],
      path: "Tests/Fuzz/DiskFuzzing"),
    .testTarget(
      name: "BlockMapTests",
      dependencies: ["BlockMap", "bench-map", .product(name: "SystemPackage", package: "swift-system")]),
    .testTarget(
      name: "DiskImageTests",
      dependencies: [
        "DiskImage", "DiskFuzzing", "CZlib",
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "ParserFuzzTests",
      dependencies: parsers,
      path: "Tests/Fuzz/Parsers",
      exclude: ["main.swift"]),
    .testTarget(
      name: "AccessLogTests",
      dependencies: ["AccessLog", "BlockMap", .product(name: "SystemPackage", package: "swift-system")]),
    .testTarget(
      name: "DiskExportsTests",
      dependencies: ["DiskExports", "BlockMap", .product(name: "SystemPackage", package: "swift-system")]),
    .testTarget(
      name: "DiskOverlayTests",
      dependencies: ["DiskOverlay", "DiskImage", .product(name: "SystemPackage", package: "swift-system")]),
    .testTarget(
      name: "NBDSourceTests",
      dependencies: [
        "NBDSource", "DiskImage",
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "LibvirtDomainTests",
      dependencies: ["LibvirtDomain", .product(name: "SystemPackage", package: "swift-system")]),
    .testTarget(name: "PrintableTextTests", dependencies: ["PrintableText"]),
    .testTarget(name: "WalkRecordTests", dependencies: ["WalkRecord"]),
    .testTarget(name: "NTFSRecordsTests", dependencies: ["NTFSRecords"]),
    .testTarget(name: "ExtInodeTests", dependencies: ["ExtInode"]),
    .testTarget(
      name: "MapperTests",
      dependencies: [
        "Mapper", "BlockMap", "WalkRecord", .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "Integration",
      dependencies: [
        "Guestfs",
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      exclude: ["Guests"]),
  ],
  swiftLanguageModes: [.v6]
)

// Tests/Fuzz/run alone builds the fuzzers, and gives libFuzzer's library here: what is fuzzed is compiled in another
// way, and its insides can be imported.
if let libFuzzer = Context.environment["BMAP_LIBFUZZER"] {
  let fuzzed = [
    "BlockMap", "DiskImage", "DiskOverlay", "ExtInode", "Inflate", "Mapper", "NTFSRecords", "WalkRecord",
  ]
  for target in package.targets where fuzzed.contains(target.name) {
    target.swiftSettings = [.unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])]
  }
  package.targets.removeAll { $0.name == "ParserFuzzTests" }
  package.targets += [
    .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
    .target(name: "FuzzLoop", dependencies: ["CLibFuzzer"], path: "Tests/Fuzz/FuzzLoop"),
    .executableTarget(
      name: "fuzz-vmdk",
      dependencies: ["DiskFuzzing", "FuzzLoop", .product(name: "SystemPackage", package: "swift-system")],
      path: "Tests/Fuzz/fuzz-vmdk",
      linkerSettings: [.unsafeFlags([libFuzzer])]),
    .executableTarget(
      name: "fuzz-parsers",
      dependencies: parsers + ["FuzzLoop"],
      path: "Tests/Fuzz/Parsers",
      exclude: ["ParserCorpusTests.swift"],
      linkerSettings: [.unsafeFlags([libFuzzer])]),
  ]
}
