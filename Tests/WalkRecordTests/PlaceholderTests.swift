import Testing

@Test func placeholderWalkRecord() {}
