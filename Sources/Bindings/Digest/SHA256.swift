import CCrypto

/// The SHA-256 digest of some bytes (FIPS 180-4), with OpenSSL.
public enum SHA256 {
  /// The size of a digest in bytes.
  public static let size = 32

  public static func digest(of bytes: UnsafeRawBufferPointer) throws(DigestError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: size)
    guard EVP_Digest(bytes.baseAddress, bytes.count, &digest, nil, EVP_sha256(), nil) == 1 else {
      throw DigestError("SHA-256")
    }
    return digest
  }
}
