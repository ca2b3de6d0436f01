import Bytes

/// How a part of a block device lies on the devices below it.
///
/// A chunk has 1 to `maximumChunk` bytes, and RAID 10 at most 255 copies, so that nothing here overflows.
package enum Target: Equatable {
  /// A device below, and the offset on it where the target starts. nil for a member that the array has lost.
  package struct Leg: Equatable {
    /// `MAJOR:MINOR`.
    package var device: Substring
    /// In bytes.
    package var offset: UInt64

    package init(device: Substring, offset: UInt64) {
      self.device = device
      self.offset = offset
    }
  }

  /// Contiguous on one device: a partition, a linear volume, an encrypted device.
  case linear(Leg)
  /// In chunks of `chunk` bytes, on one device after the other.
  case striped(chunk: UInt64, [Leg?])
  /// The same on each device.
  case mirrored([Leg?])
  /// In chunks, each on several devices: RAID 10.
  case copied(chunk: UInt64, RAID10Layout, [Leg?])
  /// In chunks on one device after the other, except that one or two devices hold the stripe's parity instead.
  case parity(chunk: UInt64, ParityLayout, [Leg?])

  package static let maximumChunk: UInt64 = 1 << 40

  /// A part that is contiguous on one device below.
  package struct Piece: Equatable {
    package var leg: Leg
    /// Offset from the start of the target, in bytes; for a parity chunk, the offset of its stripe.
    package var offset: UInt64
    /// In bytes.
    package var length: UInt64
  }

  /// Calls `body` with every piece of a range, and with each copy of it. Pieces on lost devices are left out.
  /// - Parameter range: in bytes from the start of the target.
  package func forEachPiece(of range: Range<UInt64>, _ body: (Piece) -> Void) {
    switch self {
    case .linear(let leg): Self.add(leg, at: range.lowerBound, range, body)
    case .mirrored(let legs):
      for leg in legs { Self.add(leg, at: range.lowerBound, range, body) }
    case .striped(let chunk, let legs):
      Self.forEachChunk(of: range, chunk: chunk) { number, part in
        let count = UInt64(legs.count)
        let start = number / count * chunk + part.lowerBound % chunk
        Self.add(legs[Int(number % count)], at: start, part, body)
      }
    case .copied(let chunk, let layout, let legs):
      Self.forEachChunk(of: range, chunk: chunk) { number, part in
        layout.forEachCopy(of: number) { leg, row in
          Self.add(legs[leg], at: row * chunk + part.lowerBound % chunk, part, body)
        }
      }
    case .parity(let chunk, let rotation, let legs):
      let data = UInt64(legs.count - rotation.parities)
      Self.forEachChunk(of: range, chunk: chunk) { number, part in
        let stripe = number / data
        let leg = rotation.data(Int(number % data), stripe: stripe, legs: legs.count)
        Self.add(legs[leg], at: stripe * chunk + part.lowerBound % chunk, part, body)
      }
    }
  }

  /// Calls `body` with every part of the target that a range of one of the devices below holds.
  /// - Parameters:
  ///   - range: in bytes of the device.
  ///   - body: called with a range of the target and the offset on the device that holds it, in bytes.
  package func forEachPart(on device: Substring, _ range: Range<UInt64>, _ body: (Range<UInt64>, UInt64) -> Void) {
    for (index, leg) in legs.enumerated() {
      guard let leg, leg.device == device, range.upperBound > leg.offset else { continue }
      let start = max(range.lowerBound, leg.offset)
      let onLeg = start - leg.offset..<range.upperBound - leg.offset
      switch self {
      case .linear, .mirrored: body(onLeg, start)
      case .striped(let chunk, let legs):
        Self.forEachChunk(of: onLeg, chunk: chunk) { row, part in
          Self.hand(row.times(UInt64(legs.count))?.plus(UInt64(index)), chunk, part, leg, body)
        }
      case .copied(let chunk, let layout, _):
        Self.forEachChunk(of: onLeg, chunk: chunk) { row, part in
          Self.hand(layout.chunk(inRow: row, of: index), chunk, part, leg, body)
        }
      case .parity(let chunk, let rotation, let legs):
        let data = legs.count - rotation.parities
        Self.forEachChunk(of: onLeg, chunk: chunk) { stripe, part in
          guard let position = (0..<data).first(where: { rotation.data($0, stripe: stripe, legs: legs.count) == index })
          else { return }
          Self.hand(stripe.times(UInt64(data))?.plus(UInt64(position)), chunk, part, leg, body)
        }
      }
    }
  }

  private static func hand(
    _ number: UInt64?, _ chunk: UInt64, _ part: Range<UInt64>, _ leg: Leg, _ body: (Range<UInt64>, UInt64) -> Void
  ) {
    guard let start = number?.times(chunk), start <= UInt64.max - 2 * chunk else { return }
    let first = start + part.lowerBound % chunk
    body(first..<first + (part.upperBound - part.lowerBound), leg.offset + part.lowerBound)
  }

  /// The approximate number of pieces that `size` bytes of the target are in.
  package func pieces(size: UInt64) -> UInt64 {
    switch self {
    case .linear: 1
    case .mirrored(let legs): UInt64(legs.count)
    case .striped(let chunk, _), .parity(let chunk, _, _): size / chunk + 1
    case .copied(let chunk, let layout, _): (size / chunk + 1) * UInt64(layout.copies)
    }
  }

  package var devicesBelow: [Substring] { legs.compactMap { $0?.device } }

  private var legs: [Leg?] {
    switch self {
    case .linear(let leg): [leg]
    case .mirrored(let legs), .striped(_, let legs), .copied(_, _, let legs),
      .parity(_, _, let legs):
      legs
    }
  }

  /// Calls `body` with every chunk of parity.
  /// - Parameter size: size of the target, in bytes.
  package func forEachParity(size: UInt64, _ body: (Piece) -> Void) {
    guard case .parity(let chunk, let rotation, let legs) = self else { return }
    let stripeBytes = chunk * UInt64(legs.count - rotation.parities)
    for stripe in 0..<(size + stripeBytes - 1) / stripeBytes {
      for leg in rotation.parity(stripe: stripe, legs: legs.count) {
        let start = stripe * chunk
        let offset = stripe * stripeBytes
        Self.add(legs[leg], at: start, offset..<offset + chunk, body)
      }
    }
  }

  private static func add(_ leg: Leg?, at start: UInt64, _ range: Range<UInt64>, _ body: (Piece) -> Void) {
    guard let leg else { return }
    let (offset, overflow) = leg.offset.addingReportingOverflow(start)
    guard !overflow else { return }
    body(
      Piece(
        leg: Leg(device: leg.device, offset: offset), offset: range.lowerBound,
        length: range.upperBound - range.lowerBound))
  }

  private static func forEachChunk(
    of range: Range<UInt64>, chunk: UInt64, _ body: (UInt64, Range<UInt64>) -> Void
  ) {
    var position = range.lowerBound
    while position < range.upperBound {
      let number = position / chunk
      let end = min((number + 1) * chunk, range.upperBound)
      body(number, position..<end)
      position = end
    }
  }
}
