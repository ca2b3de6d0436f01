@testable import DiskImage

extension ParserFuzzer {
  /// A VMDK descriptor.
  static let vmdkDescriptor = ParserFuzzer("vmdk-descriptor") { bytes in
    for home in [Descriptor.Home.ownFile, .extent] {
      do {
        let descriptor = try Descriptor(parsing: Array(bytes), in: home, path: "fuzz.vmdk")
        try check(!descriptor.extents.isEmpty, "no extents")
        try check(descriptor.extents.count <= VMDKLimits.extents, "\(descriptor.extents.count) extents")
        try check(descriptor.warnings.allSatisfy { !$0.isEmpty }, "a warning that says nothing")
      } catch let error as DiskError {
        try check(!error.message.isEmpty, "an error that says nothing")
      }
    }
  }
}
