#include <guestfs.h>

/* Swift cannot call C functions with variable arguments. */
static inline guestfs_h *
bmap_guestfs_create (unsigned flags)
{
  return guestfs_create_flags (flags);
}
