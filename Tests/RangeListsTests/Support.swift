@testable import RangeLists

/// What a list says, read as it would be from a file.
func list(_ text: String, _ options: ListOptions = ListOptions()) throws(ListError) -> RangeList {
  try RangeListReader(options).read(Array(text.utf8))
}

/// Why a list cannot be read; nil if it can be.
func problem(_ text: String, _ options: ListOptions = ListOptions()) -> String? {
  do {
    _ = try list(text, options)
    return nil
  } catch {
    return error.description
  }
}
