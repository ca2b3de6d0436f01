import CLibXML

/// An XML document, parsed by libxml2, which loads nothing from outside the document.
struct XMLTree: ~Copyable {
  private let document: xmlDocPtr

  /// Nil if the text is not well formed.
  init?(parsing text: [UInt8]) {
    let options = Int32(XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue)
    let document = text.withUnsafeBytes { bytes -> xmlDocPtr? in
      guard let count = Int32(exactly: bytes.count) else { return nil }
      return xmlReadMemory(bytes.assumingMemoryBound(to: CChar.self).baseAddress, count, nil, nil, options)
    }
    guard let document else { return nil }
    self.document = document
  }

  deinit { xmlFreeDoc(document) }

  /// Calls `body` with the root element, which must not escape from `body`.
  func withRoot<T, E: Error>(_ body: (XMLElement?) throws(E) -> T) throws(E) -> T {
    try body(xmlDocGetRootElement(document).map { XMLElement(node: $0) })
  }
}

/// An element of an `XMLTree`.
struct XMLElement {
  fileprivate let node: xmlNodePtr

  var name: String { text(node.pointee.name) }

  /// The child elements with this name, in order.
  func children(_ name: String) -> [XMLElement] {
    var found: [XMLElement] = []
    var next = node.pointee.children
    while let child = next {
      let element = XMLElement(node: child)
      if child.pointee.type == XML_ELEMENT_NODE, element.name == name { found.append(element) }
      next = child.pointee.next
    }
    return found
  }

  /// The value of an attribute.
  subscript(_ attribute: String) -> String? {
    guard let value = xmlGetNoNsProp(node, attribute) else { return nil }
    defer { bmap_xml_free(value) }
    return text(value)
  }

  private func text(_ bytes: UnsafePointer<xmlChar>?) -> String { bytes.map { String(cString: $0) } ?? "" }
}
