#include "ReportPage.h"

/* d3 is not in this repository. Debian's packages have it, with the licences of all that is in it. */
#define D3 "/usr/share/nodejs/d3/dist/d3.min.js"
#if !__has_embed(D3)
#error "d3 is missing: install Debian's package node-d3 (or run scripts/setup)"
#endif
#if !__has_embed("/usr/share/doc/node-d3/copyright") || !__has_embed("/usr/share/doc/node-d3-array/copyright")
#error "the licence of d3 is missing from /usr/share/doc: install node-d3 again, with its documentation"
#endif

static const unsigned char html[] = {
#embed "page/page.html"
};

static const unsigned char style[] = {
#embed "page/report.css"
};

/* One script of several files, which share what they declare. */
static const unsigned char script[] = {
#embed "page/format.js"
  ,
#embed "page/data.js"
  ,
#embed "page/table.js"
  ,
#embed "page/paint.js"
  ,
#embed "page/chart.js"
  ,
#embed "page/timeline.js"
  ,
#embed "page/main.js"
};

static const unsigned char d3[] = {
#embed D3
};

/* Most of d3 has the licence of the first file. The others are about the parts whose licence differs. */
static const unsigned char licence[] = {
#embed "/usr/share/doc/node-d3/copyright"
  , '\n',
#embed "/usr/share/doc/node-d3-array/copyright"
  , '\n',
#embed "/usr/share/doc/node-d3-ease/copyright"
  , '\n',
#embed "/usr/share/doc/node-d3-scale-chromatic/copyright"
};

#define PART(name)                                                            \
  struct report_page_part report_page_##name (void)                          \
  {                                                                           \
    return (struct report_page_part){ name, sizeof name };                    \
  }

PART (html)
PART (style)
PART (script)
PART (d3)
PART (licence)
