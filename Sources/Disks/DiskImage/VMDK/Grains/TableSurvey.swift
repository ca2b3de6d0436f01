import Glibc
import SystemPackage

/// The result of reading the tables of an extent.
struct TableSurvey: Sendable {
  /// Bytes of the extent in stored grains.
  var stored: UInt64 = 0
  /// Bytes of the extent in grains that the tables say are zeros.
  var zero: UInt64 = 0
  /// Bytes of the extent that cannot be read, because the tables are invalid or cannot be read.
  var damaged: UInt64 = 0
  /// The first grain that cannot be read.
  var firstDamaged: UInt64?
  /// The number of table pieces that needed the redundant directory.
  var copies = 0

  /// Warnings about damage, one line each.
  func warnings(of extent: GrainExtent) -> [String] {
    let path = printable(extent.file.path)
    var lines: [String] = []
    if copies > 0 { lines.append("\(path): a part of the grain directory or its tables is damaged; the copy is used") }
    if let firstDamaged {
      lines.append(
        "\(extent.damage(ofGrain: firstDamaged)); \(damaged) bytes of the disk cannot be read for such reasons")
    }
    return lines
  }
}

extension GrainExtent {
  /// Reads the tables in order.
  /// - Parameters:
  ///   - budget: how many bytes of directories and tables may be read; reduced by what is read.
  ///   - progress: called with the fraction done, from 0 to 1.
  func survey(budget: inout UInt64, progress: (Double) -> Void = { _ in }) -> TableSurvey {
    var survey = TableSurvey()
    let width = UInt64(layout.entries.width)
    let tables = (grains - 1) / layout.entriesPerTable + 1
    var table: UInt64 = 0
    while table < tables, budget > 0 {
      progress(Double(table) / Double(tables))
      let absent = absentTables(from: table, count: min(tables - table, 4096))
      budget -= min(budget, (absent + 1) * width)
      table += absent
      if absent == 4096 || table == tables { continue }
      add(table, to: &survey)
      budget -= min(budget, layout.entries(inTable: table) * width)
      table += 1
    }
    return survey
  }

  private func add(_ table: UInt64, to survey: inout TableSurvey) {
    var index = table &* layout.entriesPerTable
    let end = min(index &+ layout.entriesPerTable, grains)
    while index < end {
      var next = index
      _ = loadPiece(of: index) { piece in
        if piece.usesCopy { survey.copies += 1 }
        for (offset, state) in piece.states.enumerated() {
          let grain = piece.first &+ UInt64(offset)
          let range = range(ofGrain: grain)
          let bytes = range.upperBound &- range.lowerBound
          switch state.kind {
          case .unallocated: break
          case .zero: survey.zero &+= bytes
          case .stored: survey.stored &+= bytes
          case .damaged:
            survey.damaged &+= bytes
            survey.firstDamaged = survey.firstDamaged ?? grain
          }
        }
        next = piece.first &+ UInt64(piece.states.count)
        return .unallocated
      }
      if next == index {
        // The read failed, so the whole piece counts as damaged.
        next = min(end, index &+ GrainExtent.pieceEntries)
        survey.firstDamaged = survey.firstDamaged ?? index
        survey.damaged &+= range(ofGrain: next &- 1).upperBound &- range(ofGrain: index).lowerBound
      }
      index = next
    }
  }
}
