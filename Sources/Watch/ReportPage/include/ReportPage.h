/* The parts of the page that `virt-bmap report` writes. The files are compiled into the program. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include <stddef.h>

/* The content of a file: SIZE bytes, which are always there. */
struct report_page_part
{
  const unsigned char *bytes;
  size_t size;
};

/* The page itself, with comments where the other parts go. */
struct report_page_part report_page_html (void);

/* The style sheet. */
struct report_page_part report_page_style (void);

/* Our script. */
struct report_page_part report_page_script (void);

/* d3 (https://d3js.org), and its licences. */
struct report_page_part report_page_d3 (void);
struct report_page_part report_page_licence (void);

#endif
