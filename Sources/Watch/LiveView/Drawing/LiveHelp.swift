/// The keys.
enum LiveHelp {
  static let footer = "q quit  h help  f d v k table  s r w c l sort  space pause"

  static let lines = [
    "",
    "f      files, and all else that is no device",
    "d      directories, with all below them",
    "v      devices: volumes and disks",
    "k      kinds",
    "Tab    the next table",
    "",
    "s      sort by the rate of the last second",
    "r      sort by bytes read",
    "w      sort by bytes written",
    "c      sort by requests",
    "l      sort by the last access",
    "",
    "space  pause, continue (also p)",
    "arrows, page up, page down, home, end: scroll",
    "h      help (also ?)",
    "q      quit",
  ]
}
