import Testing

@Test func placeholderAccessLog() {}
