// swift-tools-version: 6.1
import PackageDescription

/// A shared library that nbdkit loads: it exports its init symbol and nothing else, so that two of them can
/// live in one nbdkit, and it carries the Swift runtime with it, so that it needs no toolchain.
let nbdkitModule: [LinkerSetting] = [
  .unsafeFlags([
    "-static-stdlib",
    "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/Bindings/NBDKit/exports.map",
  ])
]

let algorithms = Target.Dependency.product(name: "Algorithms", package: "swift-algorithms")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

/// What Tests/Fuzz/Parsers gives bytes from outside to.
let parsers: [Target.Dependency] = [
  "Answers", "Appliance", "BlockMap", "BlockStack", "Bytes", "DiskImage", "DiskOverlay", "FATVolumes", "FileProof",
  "Filesystems", "GuestBoot", "GuestWalker", "LogReading", "LogReport", "MapExport", "Mapping", "NTFSRecords",
  "RangeLists",
  "Traces", "WalkAssembly", "WalkRecord", systemPackage,
]

let package = Package(
  name: "virt-bmap",
  products: [
    .executable(name: "virt-bmap", targets: ["virt-bmap"]),
    .executable(name: "virt-bmap-walker", targets: ["WalkerProgram"]),
    .library(name: "nbdkit-bmaplogger-plugin", type: .dynamic, targets: ["LoggerPlugin"]),
    .library(name: "nbdkit-bmaplogger-filter", type: .dynamic, targets: ["LoggerFilter"]),
    .library(name: "nbdkit-bmaprecorder-plugin", type: .dynamic, targets: ["RecorderPlugin"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-algorithms", from: "1.2.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0", traits: []),
  ],
  targets: [
    .systemLibrary(
      name: "CGuestfs", path: "Sources/Bindings/CGuestfs", pkgConfig: "libguestfs",
      providers: [.apt(["libguestfs-dev"])]),
    .systemLibrary(
      name: "CNBDKit", path: "Sources/Bindings/CNBDKit", pkgConfig: "nbdkit", providers: [.apt(["nbdkit-plugin-dev"])]),
    .systemLibrary(name: "CZlib", path: "Tests/CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
      name: "CDeflate", path: "Sources/Bindings/CDeflate", pkgConfig: "libdeflate",
      providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(
      name: "CCrypto", path: "Sources/Bindings/CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CLibnbd", path: "Sources/Bindings/CLibnbd", pkgConfig: "libnbd", providers: [.apt(["libnbd-dev"])]),
    .systemLibrary(
      name: "CLibvirt", path: "Sources/Bindings/CLibvirt", pkgConfig: "libvirt", providers: [.apt(["libvirt-dev"])]),
    .systemLibrary(
      name: "CLibXML", path: "Sources/Bindings/CLibXML", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
    .systemLibrary(
      name: "CSQLite", path: "Sources/Bindings/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .target(name: "CLinux", path: "Sources/Bindings/CLinux"),
    .target(
      name: "CNcurses", path: "Sources/Bindings/CNcurses",
      linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
    .target(name: "Screen", dependencies: ["CNcurses", "PrintableText"], path: "Sources/Bindings/Screen"),

    .target(name: "BlockMap", dependencies: ["Bytes", systemPackage], path: "Sources/Map/BlockMap"),
    .target(name: "Inflate", dependencies: ["CDeflate"], path: "Sources/Bindings/Inflate"),
    .target(name: "Digest", dependencies: ["CCrypto"], path: "Sources/Bindings/Digest"),
    .target(
      name: "DiskImage", dependencies: ["Inflate", algorithms, systemPackage], path: "Sources/Disks/DiskImage"),
    .target(
      name: "DiskOverlay",
      dependencies: ["DiskImage", "Digest", "CLinux", systemPackage], path: "Sources/Disks/DiskOverlay"),
    .target(name: "Version", path: "Sources/Basics/Version"),
    .target(name: "Bytes", path: "Sources/Basics/Bytes"),
    .target(name: "PrintableText", path: "Sources/Basics/PrintableText"),
    .target(
      name: "NBDKit",
      dependencies: ["CNBDKit", "PrintableText", systemPackage], path: "Sources/Bindings/NBDKit",
      exclude: ["exports.map"]),
    .target(
      name: "NBDSource",
      dependencies: ["DiskImage", "CLibnbd", systemPackage], path: "Sources/Bindings/NBDSource"),
    .target(
      name: "LibvirtDomain",
      dependencies: ["CLibvirt", "CLibXML", systemPackage], path: "Sources/Bindings/LibvirtDomain"),
    .target(name: "WalkRecord", dependencies: [algorithms], path: "Sources/Mapper/WalkRecord"),
    .target(name: "NTFSRecords", dependencies: [algorithms], path: "Sources/Mapper/NTFSRecords"),
    .target(name: "FATVolumes", dependencies: ["Bytes"], path: "Sources/Mapper/FATVolumes"),
    .target(
      name: "GuestWalker", dependencies: ["WalkRecord", "Bytes", "FATVolumes", "NTFSRecords", "CLinux", algorithms],
      path: "Sources/Mapper/GuestWalker"),
    .executableTarget(
      name: "WalkerProgram", dependencies: ["GuestWalker"],
      path: "Sources/Mapper/WalkerProgram",
      swiftSettings: [.unsafeFlags(["-static-executable"])],
      // Stripped: it is sent into an appliance each time.
      linkerSettings: [.unsafeFlags(["-static-executable", "-Xlinker", "--strip-all"])]),
    .target(
      name: "RecorderPlugin",
      dependencies: [
        "NBDKit", "DiskImage", "NBDSource", "Version", "WalkRecord", systemPackage,
      ], path: "Sources/Mapper/RecorderPlugin",
      linkerSettings: nbdkitModule),
    .target(name: "DiskExports", dependencies: ["BlockMap", algorithms], path: "Sources/Logger/DiskExports"),
    .target(
      name: "DiskLogger",
      dependencies: [
        "NBDKit", "DiskExports", "DiskImage", "DiskOverlay", "BlockMap", "AccessLog",
        systemPackage,
      ], path: "Sources/Logger/DiskLogger"),
    .target(
      name: "LoggerPlugin",
      dependencies: [
        "NBDKit", "DiskLogger", "DiskImage", "AccessLog", "Version", systemPackage,
      ], path: "Sources/Logger/LoggerPlugin",
      linkerSettings: nbdkitModule),
    .target(
      name: "LoggerFilter",
      dependencies: [
        "NBDKit", "DiskLogger", "DiskImage", systemPackage,
      ], path: "Sources/Logger/LoggerFilter",
      linkerSettings: nbdkitModule),
    .target(name: "AccessLog", dependencies: ["BlockMap"], path: "Sources/Logger/AccessLog"),
    .target(
      name: "LiveView",
      dependencies: ["AccessFigures", "AccessLog", "BlockMap", "LogReading", "Screen", algorithms],
      path: "Sources/Watch/LiveView"),
    .target(
      name: "GuestBoot",
      dependencies: [
        "Appliance", "BlockMap", "BlockStack", "CLinux", "DiskImage", "NBDSource", "PrintableText", systemPackage,
      ], path: "Sources/Watch/GuestBoot"),
    .target(name: "LogReading", dependencies: ["AccessLog", "BlockMap"], path: "Sources/Watch/LogReading"),
    .target(
      name: "AccessFigures", dependencies: ["AccessLog", "BlockMap", "Bytes", "LogReading"],
      path: "Sources/Watch/AccessFigures"),
    .target(
      name: "BootDifference", dependencies: ["AccessFigures", "BlockMap", "Bytes"],
      path: "Sources/Watch/BootDifference"),
    .target(
      name: "Prefetch", dependencies: ["AccessLog", "BlockMap", "Bytes", "LogReading"],
      path: "Sources/Watch/Prefetch"),
    .target(
      name: "ReportPage", path: "Sources/Watch/ReportPage", exclude: ["page"],
      // #embed is C23.
      cSettings: [.unsafeFlags(["-std=c23"])]),
    .target(
      name: "LogReport",
      dependencies: [
        "AccessFigures", "AccessLog", "BlockMap", "Bytes", "Digest", "LogReading", "PrintableText", "ReportPage",
        "Version",
      ],
      path: "Sources/Watch/LogReport"),
    .target(name: "Guestfs", dependencies: ["CGuestfs", "PrintableText"], path: "Sources/Bindings/Guestfs"),
    .target(name: "BlockStack", dependencies: ["BlockMap", "Bytes", algorithms], path: "Sources/Mapper/BlockStack"),
    .target(
      name: "WalkAssembly", dependencies: ["BlockMap", "BlockStack", "Bytes", "WalkRecord"],
      path: "Sources/Mapper/WalkAssembly"),
    .target(
      name: "Filesystems", dependencies: ["BlockStack", "Bytes", "FATVolumes", "NTFSRecords", "WalkAssembly"],
      path: "Sources/Mapper/Filesystems"),
    .target(
      name: "Appliance",
      dependencies: [
        "BlockMap", "BlockStack", "Bytes", "CLinux", "DiskImage", "Filesystems", "Guestfs", "NBDSource", "RangeLists",
        "WalkAssembly", "WalkRecord",
        subprocess, systemPackage,
      ],
      path: "Sources/Mapper/Appliance"),
    .target(
      name: "FileProof",
      dependencies: [
        "Appliance", "BlockMap", "BlockStack", "Bytes", "Digest", "DiskImage", "Guestfs", algorithms, systemPackage,
      ],
      path: "Sources/Mapper/FileProof"),
    .target(
      name: "Mapping",
      dependencies: [
        "Appliance", "BlockMap", "BlockStack", "Bytes", "DiskImage", "FileProof", "Filesystems", "Guestfs",
        "WalkAssembly", "WalkRecord", systemPackage,
      ],
      path: "Sources/Mapper/Mapping"),
    .target(
      name: "Verification",
      dependencies: [
        "Appliance", "BlockMap", "BlockStack", "Bytes", "Digest", "DiskImage", "FileProof", "Filesystems", "Guestfs",
        algorithms, systemPackage,
      ],
      path: "Sources/Mapper/Verification"),
    .target(name: "RangeLists", dependencies: ["Bytes", systemPackage], path: "Sources/Answers/RangeLists"),
    .target(
      name: "Answers", dependencies: ["BlockMap", "Bytes", "DiskImage", algorithms, systemPackage],
      path: "Sources/Answers/Answers"),
    .target(
      name: "Traces", dependencies: ["AccessLog", "Bytes", "LogReading", systemPackage], path: "Sources/Watch/Traces"),
    .target(name: "SQLite", dependencies: ["CSQLite", systemPackage], path: "Sources/Bindings/SQLite"),
    .target(
      name: "MapExport", dependencies: ["Answers", "BlockMap", "Bytes", "SQLite", "Version"],
      path: "Sources/Answers/MapExport"),
    .executableTarget(
      name: "virt-bmap",
      dependencies: [
        "AccessFigures", "AccessLog", "Answers", "Appliance", "BlockStack", "BootDifference", "Bytes", "Mapping",
        "Verification", "FileProof", "BlockMap", "CLinux", "GuestBoot", "LiveView", "LogReading", "LogReport",
        "Prefetch",
        "DiskImage", "MapExport", "NBDSource", "LibvirtDomain", "PrintableText", "RangeLists", "SQLite",
        "Screen", "Traces", "Version", systemPackage, argumentParser,
      ]),

    .executableTarget(
      name: "bench-map",
      dependencies: ["BlockMap", systemPackage],
      path: "Tests/Benchmarks/bench-map"),
    .target(
      name: "Benchmarking",
      dependencies: [subprocess],
      path: "Tests/Benchmarks/Benchmarking"),
    .executableTarget(
      name: "bench-serve",
      dependencies: [
        "Benchmarking",
        systemPackage,
        subprocess,
      ],
      path: "Tests/Benchmarks/bench-serve"),
    .executableTarget(
      name: "bench-vmdk",
      dependencies: [
        "Benchmarking",
        systemPackage,
        subprocess,
      ],
      path: "Tests/Benchmarks/bench-vmdk"),
    .executableTarget(
      name: "bench-native",
      dependencies: [
        "Benchmarking",
        systemPackage,
        subprocess,
      ],
      path: "Tests/Benchmarks/bench-native"),
    .executableTarget(
      name: "bench-scale",
      dependencies: [
        "Benchmarking",
        systemPackage,
        subprocess,
      ],
      path: "Tests/Benchmarks/bench-scale"),
    .executableTarget(
      name: "bench-annotate",
      dependencies: [
        "Benchmarking",
        systemPackage,
        subprocess,
      ],
      path: "Tests/Benchmarks/bench-annotate"),
    .executableTarget(
      name: "bench-walk",
      dependencies: [
        "Benchmarking",
        systemPackage,
        subprocess,
      ],
      path: "Tests/Benchmarks/bench-walk"),
    .target(
      name: "DiskFuzzing",
      dependencies: ["DiskImage", systemPackage],
      path: "Tests/Fuzz/DiskFuzzing"),
    .testTarget(
      name: "AnswersTests", dependencies: ["Answers", "BlockMap", "DiskImage", "TestSupport", systemPackage]),
    .testTarget(
      name: "MapExportTests", dependencies: ["BlockMap", "Bytes", "MapExport", "SQLite", subprocess, systemPackage]),
    .testTarget(
      name: "BlockMapTests",
      dependencies: ["BlockMap", "bench-map", systemPackage]),
    .testTarget(
      name: "DiskImageTests",
      dependencies: [
        "DiskImage", "DiskFuzzing", "CZlib",
        subprocess,
        systemPackage,
      ]),
    .testTarget(
      name: "ParserFuzzTests",
      dependencies: parsers,
      path: "Tests/Fuzz/Parsers",
      exclude: ["main.swift"]),
    .testTarget(
      name: "AccessLogTests",
      dependencies: ["AccessLog", "BlockMap", systemPackage]),
    .testTarget(
      name: "DiskExportsTests",
      dependencies: ["DiskExports", "BlockMap", systemPackage]),
    .testTarget(
      name: "DiskOverlayTests",
      dependencies: ["DiskOverlay", "DiskImage", systemPackage]),
    .testTarget(
      name: "NBDSourceTests",
      dependencies: [
        "NBDSource", "DiskImage",
        subprocess,
        systemPackage,
      ]),
    .testTarget(
      name: "LibvirtDomainTests",
      dependencies: ["LibvirtDomain", systemPackage]),
    .testTarget(name: "PrintableTextTests", dependencies: ["PrintableText"]),
    .target(name: "TestSupport", dependencies: ["Filesystems"], path: "Tests/Support"),
    .testTarget(name: "WalkRecordTests", dependencies: ["TestSupport", "WalkRecord"]),
    .testTarget(name: "NTFSRecordsTests", dependencies: ["NTFSRecords"]),
    .testTarget(name: "GuestWalkerTests", dependencies: ["FATVolumes", "GuestWalker", "WalkRecord", "CLinux"]),
    .testTarget(name: "BytesTests", dependencies: ["Bytes"]),
    .testTarget(name: "ScreenTests", dependencies: ["Screen"]),
    .testTarget(name: "LiveViewTests", dependencies: ["LiveView", "LogReading", "Screen"]),
    .testTarget(
      name: "GuestBootTests",
      dependencies: ["Appliance", "BlockMap", "BlockStack", "GuestBoot", subprocess, systemPackage]),
    .testTarget(name: "RangeListsTests", dependencies: ["RangeLists"]),
    .testTarget(name: "LogReadingTests", dependencies: ["BlockMap", "LogReading"]),
    .testTarget(
      name: "LogReportTests", dependencies: ["AccessLog", "BlockMap", "Bytes", "LogReading", "LogReport"]),
    .testTarget(name: "AccessFiguresTests", dependencies: ["AccessFigures", "BlockMap", "LogReading"]),
    .testTarget(
      name: "BootDifferenceTests", dependencies: ["AccessFigures", "BlockMap", "BootDifference", "LogReading"]),
    .testTarget(name: "PrefetchTests", dependencies: ["BlockMap", "LogReading", "Prefetch", systemPackage]),
    .testTarget(name: "TracesTests", dependencies: ["AccessLog", "Bytes", "Traces"]),
    .testTarget(name: "BlockStackTests", dependencies: ["BlockStack", "TestSupport"]),
    .testTarget(
      name: "WalkAssemblyTests",
      dependencies: ["Appliance", "BlockMap", "BlockStack", "TestSupport", "WalkAssembly", "WalkRecord", systemPackage]),
    .testTarget(name: "ApplianceTests", dependencies: ["Appliance", "Guestfs", "TestSupport", "WalkRecord"]),
    .testTarget(
      name: "MappingTests",
      dependencies: [
        "Appliance", "BlockMap", "BlockStack", "Bytes", "DiskImage", "Filesystems", "Mapping", "TestSupport",
        "WalkAssembly",
        systemPackage,
      ]),
    .testTarget(
      name: "FilesystemsTests",
      dependencies: ["BlockStack", "Bytes", "Filesystems", "TestSupport", "WalkAssembly", subprocess, systemPackage]),
    .testTarget(
      name: "VerificationTests",
      dependencies: ["BlockMap", "BlockStack", "DiskImage", "FileProof", "Verification", systemPackage]),
    .testTarget(
      name: "Integration",
      dependencies: [
        "Appliance", "Guestfs", "TestSupport",
        subprocess,
        systemPackage,
      ],
      exclude: ["Guests"]),
  ],
  swiftLanguageModes: [.v6]
)

// Tests/Fuzz/run alone builds the fuzzers, and gives libFuzzer's library here: what is fuzzed is compiled in another
// way, and its insides can be imported.
if let libFuzzer = Context.environment["BMAP_LIBFUZZER"] {
  let fuzzed = [
    "Answers", "Appliance", "BlockMap", "BlockStack", "Bytes", "DiskImage", "DiskOverlay", "FileProof", "Filesystems",
    "AccessFigures", "GuestBoot", "GuestWalker", "Inflate", "LogReading", "LogReport",
    "MapExport", "Mapping", "NTFSRecords", "RangeLists", "Traces", "WalkAssembly", "WalkRecord",
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
      dependencies: ["DiskFuzzing", "FuzzLoop", systemPackage],
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
