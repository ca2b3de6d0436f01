/// Where what lies on one disk is.
struct DiskIndex: Sendable {
  let segments: SegmentTable.Section
  /// For what the segments do not say.
  let section: IntervalSection
}
