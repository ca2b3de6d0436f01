extension DeviceTable {
  /// Prints, in the appliance, what `init(parsing:)` reads, a line each:
  ///
  /// - `device NUMBER PARENT START SECTORS`: a block device; of a partition, its disk and first sector, otherwise `-`.
  /// - `table NUMBER …`: a line of a device-mapper device's table, as dmsetup(8) prints it.
  /// - `array NUMBER LEVEL LAYOUT CHUNK DISKS RESHAPE`: an md array; bytes of a chunk, and `none` if it is not being
  ///   reshaped.
  /// - `member ARRAY NUMBER SLOT OFFSET SIZE STATE`: a device of it; sectors to its data, and KiB of these.
  /// - `disk NUMBER N`: the guest's disk N.
  static func script(disks: Int) -> String {
    """
    cd /sys/class/block && for b in *; do
      d=$(cat $b/dev); p=-; s=-
      if [ -e $b/partition ]; then p=$(cat $(readlink -f $b)/../dev); s=$(cat $b/start); fi
      echo "device $d $p $s $(cat $b/size)"
      if [ -e $b/dm/name ]; then dmsetup table "$(cat $b/dm/name)" | sed "s/^/table $d /"; fi
      if [ -e $b/md/level ]; then
        r=$(cat $b/md/reshape_position)
        echo "array $d $(cat $b/md/level) $(cat $b/md/layout) $(cat $b/md/chunk_size) $(cat $b/md/raid_disks) $r"
        for m in $b/md/dev-*; do
          if [ -e $m/block/dev ]; then
            echo "member $d $(cat $m/block/dev) $(cat $m/slot) $(cat $m/offset) $(cat $m/size) $(cat $m/state)"
          fi
        done
      fi
    done
    \(disksScript(disks))
    """
  }

  private static func disksScript(_ disks: Int) -> String {
    (1...max(1, disks)).map { number in
      "echo \"disk $(cat /sys/class/block/$(basename $(readlink -f \(Appliance.path(ofDisk: number))))/dev) \(number)\""
    }.joined(separator: "\n")
  }
}
