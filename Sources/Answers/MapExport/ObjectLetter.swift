import BlockMap

extension ObjectTable {
  func letter(of id: ObjectID) -> UInt8 { kind(of: id).rawValue }
}
