#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

/* Swift cannot call C functions with variable arguments. */
static inline void
bmap_nbdkit_error (const char *message)
{
  nbdkit_error ("%s", message);
}
