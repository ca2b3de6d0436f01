/* The part of ncurses that Screen needs, without its macros and global variables, which Swift cannot import. All
 * functions are for one thread, which is the one that called cncurses_open. */
#ifndef CNCURSES_H
#define CNCURSES_H

/* The keys that cncurses_key returns besides characters. */
enum cncurses_key {
  CNCURSES_NONE = -1,
  CNCURSES_UP = -2,
  CNCURSES_DOWN = -3,
  CNCURSES_PAGE_UP = -4,
  CNCURSES_PAGE_DOWN = -5,
  CNCURSES_HOME = -6,
  CNCURSES_END = -7,
  CNCURSES_OTHER = -8
};

/* How a text looks. */
enum cncurses_style {
  CNCURSES_PLAIN,
  CNCURSES_BOLD,
  CNCURSES_REVERSE,
  CNCURSES_DIM,
  CNCURSES_GREEN,
  CNCURSES_YELLOW,
  CNCURSES_CYAN
};

/* Takes over the terminal that OUTPUT is, with the keys of INPUT. Returns 0, or -1 if the terminal is not known. */
int cncurses_open (int output, int input, int has_colors);

/* Gives the terminal back as it was. */
void cncurses_close (void);

/* Asks for the size of the terminal, which may have changed. */
void cncurses_size (int *rows, int *columns);

void cncurses_erase (void);

/* Puts COUNT bytes of TEXT, in the encoding of the locale, on the screen. */
void cncurses_put (int row, int column, const char *text, int count, enum cncurses_style style);

/* Shows what was put since cncurses_erase. */
void cncurses_show (void);

/* Waits for a key, but not longer than this. Returns a character, or an enum cncurses_key. */
int cncurses_key (int milliseconds);

/* wcwidth: how many columns a character has in this locale, or -1. */
int cncurses_columns (unsigned character);

#endif
