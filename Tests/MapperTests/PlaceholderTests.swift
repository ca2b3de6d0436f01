import Testing

@Test func placeholderMapper() {}
