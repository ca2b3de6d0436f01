#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#include <nbdkit-filter.h>

/* Swift cannot call C functions with variable arguments. */
static inline void
bmap_nbdkit_error (const char *message)
{
  nbdkit_error ("%s", message);
}

/* Swift cannot see macros that are more than a number or a text. */
static inline int
bmap_nbdkit_filter_api_version (void)
{
  return NBDKIT_FILTER_API_VERSION;
}

static inline const char *
bmap_nbdkit_version (void)
{
  return NBDKIT_VERSION_STRING;
}
