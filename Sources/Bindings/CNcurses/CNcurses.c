#define _GNU_SOURCE
#define NCURSES_WIDECHAR 1

#include "CNcurses.h"

#include <curses.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static SCREEN *screen;
static FILE *output_file, *input_file;
static int are_colors_used;

static FILE *
open_copy (int descriptor, const char *mode)
{
  int copy = dup (descriptor);
  if (copy == -1)
    return NULL;
  FILE *file = fdopen (copy, mode);
  if (file == NULL)
    close (copy);
  return file;
}

static void
close_files (void)
{
  if (output_file != NULL)
    fclose (output_file);
  if (input_file != NULL)
    fclose (input_file);
  output_file = input_file = NULL;
}

int
cncurses_open (int output, int input, int has_colors)
{
  output_file = open_copy (output, "w");
  input_file = open_copy (input, "r");
  /* newterm returns if it fails; initscr would end the program. */
  if (output_file != NULL && input_file != NULL)
    screen = newterm (NULL, output_file, input_file);
  if (screen == NULL) {
    close_files ();
    return -1;
  }
  cbreak ();
  noecho ();
  nonl ();
  keypad (stdscr, TRUE);
  set_escdelay (50);
  curs_set (0);
  are_colors_used = has_colors && start_color () == OK && use_default_colors () == OK;
  if (are_colors_used) {
    init_pair (1, COLOR_GREEN, -1);
    init_pair (2, COLOR_YELLOW, -1);
    init_pair (3, COLOR_CYAN, -1);
  }
  return 0;
}

void
cncurses_close (void)
{
  if (screen == NULL)
    return;
  endwin ();
  delscreen (screen);
  screen = NULL;
  close_files ();
}

void
cncurses_size (int *rows, int *columns)
{
  struct winsize size;

  /* This works in whatever thread SIGWINCH arrives. */
  if (ioctl (fileno (output_file), TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0
      && is_term_resized (size.ws_row, size.ws_col))
    resizeterm (size.ws_row, size.ws_col);
  getmaxyx (stdscr, *rows, *columns);
}

void
cncurses_erase (void)
{
  erase ();
}

static void
set_style (enum cncurses_style style)
{
  switch (style) {
  case CNCURSES_BOLD:
    attrset (A_BOLD);
    break;
  case CNCURSES_REVERSE:
    attrset (A_REVERSE);
    break;
  case CNCURSES_DIM:
    attrset (A_DIM);
    break;
  case CNCURSES_GREEN:
  case CNCURSES_YELLOW:
  case CNCURSES_CYAN:
    attrset (are_colors_used ? COLOR_PAIR (style - CNCURSES_GREEN + 1) : A_NORMAL);
    break;
  default:
    attrset (A_NORMAL);
  }
}

void
cncurses_put (int row, int column, const char *text, int count, enum cncurses_style style)
{
  set_style (style);
  mvaddnstr (row, column, text, count);
}

void
cncurses_show (void)
{
  refresh ();
}

int
cncurses_key (int milliseconds)
{
  timeout (milliseconds);
  int key = getch ();
  switch (key) {
  case ERR:
    return CNCURSES_NONE;
  case KEY_UP:
    return CNCURSES_UP;
  case KEY_DOWN:
    return CNCURSES_DOWN;
  case KEY_PPAGE:
    return CNCURSES_PAGE_UP;
  case KEY_NPAGE:
    return CNCURSES_PAGE_DOWN;
  case KEY_HOME:
    return CNCURSES_HOME;
  case KEY_END:
    return CNCURSES_END;
  default:
    return key >= 0 && key < 128 ? key : CNCURSES_OTHER;
  }
}

int
cncurses_columns (unsigned character)
{
  return wcwidth ((wchar_t) character);
}
