/// In a script that runs in the appliance: the device of the filesystem that is mounted on /sysroot. The last mount is the
/// visible one.
package let mountedDevice = "$(grep ' /sysroot ' /proc/mounts | tail -n 1 | cut -d ' ' -f 1)"
