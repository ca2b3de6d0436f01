import Testing

@Test func placeholderBlockMap() {}
