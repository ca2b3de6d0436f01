import BlockStack

extension DeviceTable {
  /// Returns the script that prints the input of `init(parsing:)` in the appliance, in lines:
  ///
  /// - `device NUMBER PARENT START SECTORS`: a block device. For a partition, PARENT is its disk and START its
  ///   first sector; otherwise both are `-`. Sectors are 512 bytes.
  /// - `clean NUMBER`: a cached volume of which no block is dirty.
  /// - `table NUMBER …`: a line of a device-mapper device's table, as dmsetup(8) prints it.
  /// - `name NUMBER NAME`: a device-mapper device's name.
  /// - `array NUMBER LEVEL LAYOUT CHUNK DISKS RESHAPE`: an md array. CHUNK is in bytes; RESHAPE is `none` if the
  ///   array is not being reshaped.
  /// - `member ARRAY NUMBER SLOT OFFSET SIZE STATE`: a device of an array. OFFSET is the start of its data in
  ///   sectors, SIZE the size of the data in KiB.
  /// - `disk NUMBER N`: the guest's disk N.
  ///
  /// The shell reads the files itself: if the appliance is emulated, each program takes a tenth of a second to
  /// start.
  package static func script(disks: [Int]) -> String {
    """
    cd /sys/class/block && for b in *; do
      p=-; s=-
      read -r d <$b/dev; read -r n <$b/size
      if [ -e $b/partition ]; then read -r p <$b/../dev; read -r s <$b/start; fi
      echo "device $d $p $s $n"
      if [ -e $b/dm/name ]; then
        read -r m <$b/dm/name; echo "name $d $m"; t=$(dmsetup table "$m")
        case $t in *' cache '*) (set -- $(dmsetup status "$m"); [ "${14}" = 0 ] && echo "clean $d") ;; esac
        printf '%s\\n' "$t" | while read -r t; do printf 'table %s %s\\n' "$d" "$t"; done
      fi
      if [ -e $b/md/level ]; then
        read -r l <$b/md/level; read -r y x <$b/md/layout; read -r c x <$b/md/chunk_size
        read -r n x <$b/md/raid_disks; read -r r <$b/md/reshape_position
        echo "array $d $l $y $c $n $r"
        for m in $b/md/dev-*; do
          if [ -e $m/block/dev ]; then
            read -r e <$m/block/dev; read -r l <$m/slot; read -r o <$m/offset; read -r n <$m/size; read -r s <$m/state
            echo "member $d $e $l $o $n $s"
          fi
        done
      fi
    done
    \(disksScript(disks))
    """
  }

  private static func disksScript(_ disks: [Int]) -> String {
    disks.map { number in
      "echo \"disk $(cat /sys/class/block/$(basename $(readlink -f \(Appliance.path(ofDisk: number))))/dev) \(number)\""
    }.joined(separator: "\n")
  }
}
