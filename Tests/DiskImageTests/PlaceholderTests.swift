import Testing

@Test func placeholderDiskImage() {}
