/// The numbers of the fields and values of a Perfetto trace (perfetto_trace.proto) that are written here.
enum TraceFields {
  enum Trace {
    static let packet: UInt32 = 1
  }

  enum Packet {
    /// In nanoseconds.
    static let timestamp: UInt32 = 8
    static let sequenceID: UInt32 = 10
    static let trackEvent: UInt32 = 11
    static let internedData: UInt32 = 12
    static let sequenceFlags: UInt32 = 13
    static let trackDescriptor: UInt32 = 60
  }

  enum SequenceFlags {
    static let stateCleared: UInt64 = 1
    static let needsState: UInt64 = 2
  }

  enum Track {
    static let uuid: UInt32 = 1
    static let name: UInt32 = 2
    static let parent: UInt32 = 5
    static let counter: UInt32 = 8
    static let ordering: UInt32 = 11
    static let rank: UInt32 = 12
    /// Tracks are shown in the order of their ranks.
    static let explicitOrdering: UInt64 = 3
  }

  enum Counter {
    static let unitName: UInt32 = 6
  }

  enum Event {
    static let annotations: UInt32 = 4
    static let type: UInt32 = 9
    static let nameID: UInt32 = 10
    static let track: UInt32 = 11
    static let categories: UInt32 = 22
    static let counterValue: UInt32 = 30

    static let begin: UInt64 = 1
    static let end: UInt64 = 2
    static let instant: UInt64 = 3
    static let counter: UInt64 = 4
  }

  enum Annotation {
    static let nameID: UInt32 = 1
    static let unsigned: UInt32 = 3
    static let string: UInt32 = 6
    static let stringID: UInt32 = 17
  }

  enum Interned {
    static let eventNames: UInt32 = 2
    static let annotationNames: UInt32 = 3
    static let annotationStrings: UInt32 = 29

    /// In each of the three.
    static let id: UInt32 = 1
    static let text: UInt32 = 2
  }
}
