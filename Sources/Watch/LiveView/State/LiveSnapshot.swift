/// What a view shows, at one moment.
package struct LiveSnapshot: Sendable {
  /// Reads, or writes.
  package struct Flow: Sendable {
    /// In the last second.
    package var bytesPerSecond: UInt64 = 0
    package var requestsPerSecond: UInt64 = 0
    /// Of the last seconds, in nanoseconds; nil if there were no requests or the log does not tell it.
    package var median: UInt64?
    package var slowest: UInt64?
    /// Since the beginning.
    package var bytes: UInt64 = 0
    package var requests: UInt64 = 0
    /// The object of the last request, as the log names it; nil if the last second had none.
    package var object: [UInt8]?
  }

  /// A row of the table.
  package struct Row: Sendable {
    /// As the log names it.
    package var name: [UInt8]
    package var readRate: UInt64 = 0
    package var writeRate: UInt64 = 0
    package var read: UInt64 = 0
    package var written: UInt64 = 0
    package var requests: UInt64 = 0
  }

  /// In nanoseconds.
  package var elapsed: UInt64 = 0
  package var reads = Flow()
  package var writes = Flow()
  package var rows: [Row] = []
  /// How many rows there would be without a limit.
  package var rowCount = 0
  /// Requests that the logger could not write.
  package var lost: UInt64 = 0

  package init() {}
}

/// What the rows of the table are.
package enum LiveTable: CaseIterable, Sendable {
  case files, directories, devices, kinds
}

/// What the rows are sorted by, the largest first.
package enum LiveOrder: CaseIterable, Sendable {
  /// What was accessed in the last second, and then what was accessed in all.
  case rate
  case read, written, requests
  /// The latest first.
  case last
}

/// Which rows a snapshot has.
package struct LiveQuery: Sendable, Equatable {
  package var table = LiveTable.files
  package var order = LiveOrder.rate
  /// How many rows, from the first one.
  package var limit = 100

  package init() {}
}
