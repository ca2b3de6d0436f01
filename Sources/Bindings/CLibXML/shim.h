#include <libxml/parser.h>
#include <libxml/tree.h>

static inline void
bmap_xml_say_nothing (void *context, const char *message, ...)
{
}

/* What the library would print in this thread, it keeps to itself. */
static inline void
bmap_xml_be_quiet (void)
{
  xmlSetGenericErrorFunc (NULL, bmap_xml_say_nothing);
}

/* A variable of the library's, which Swift does not let several threads use. */
static inline void
bmap_xml_free (void *pointer)
{
  xmlFree (pointer);
}
