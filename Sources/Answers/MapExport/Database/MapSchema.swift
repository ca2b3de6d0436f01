/// The tables that a map is exported to. They are part of the program's interface, see virt-bmap-export(1).
enum MapSchema {
  static let tables = """
    CREATE TABLE disks (
      disk INTEGER PRIMARY KEY, size INTEGER NOT NULL, format TEXT, file TEXT, file_raw BLOB);
    CREATE TABLE devices (
      device INTEGER PRIMARY KEY, name TEXT NOT NULL, name_raw BLOB NOT NULL, type TEXT, encrypted INTEGER NOT NULL);
    CREATE TABLE objects (
      object INTEGER PRIMARY KEY, kind TEXT NOT NULL, device INTEGER NOT NULL REFERENCES devices, path TEXT,
      path_raw BLOB);
    CREATE TABLE ranges (
      disk INTEGER NOT NULL REFERENCES disks, start INTEGER NOT NULL, length INTEGER NOT NULL,
      object INTEGER NOT NULL REFERENCES objects, offset INTEGER);
    """

  /// Made when the tables are full, which is faster.
  static let indexes = """
    CREATE INDEX ranges_by_start ON ranges (disk, start);
    CREATE INDEX ranges_by_object ON ranges (object, offset);
    CREATE INDEX objects_by_path ON objects (path);
    """

  /// Views with the names and columns of The Sleuth Kit's tables. A path without what follows its last slash is what
  /// is left when all characters but slashes are removed from its end.
  static let views = """
    CREATE VIEW tsk_files AS
      SELECT object AS obj_id, device AS fs_obj_id,
        substr(path, length(rtrim(path, replace(path, '/', ''))) + 1) AS name,
        rtrim(path, replace(path, '/', '')) AS parent_path,
        CASE kind WHEN 'd' THEN 3 ELSE 5 END AS dir_type, CASE kind WHEN 'd' THEN 2 ELSE 1 END AS meta_type
      FROM objects WHERE kind IN ('d', 'f');
    CREATE VIEW tsk_file_layout AS
      SELECT object AS obj_id, start AS byte_start, length AS byte_len,
        row_number() OVER (PARTITION BY object ORDER BY offset, disk, start) - 1 AS sequence, disk
      FROM ranges JOIN objects USING (object) WHERE kind IN ('d', 'f');
    """
}
