/// A shell expression for the appliance: the device of the filesystem on /sysroot. If there are several, the last mount is
/// the visible one.
package let mountedDevice = "$(grep ' /sysroot ' /proc/mounts | tail -n 1 | cut -d ' ' -f 1)"
