#define _GNU_SOURCE

#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

int
clinux_openat (int directory, const char *name, int flags, int direct)
{
  return openat (directory, name, flags | O_CLOEXEC | (direct ? O_DIRECT : 0));
}

int
clinux_fiemap (int fd, struct fiemap *map)
{
  return ioctl (fd, FS_IOC_FIEMAP, map);
}

int
clinux_fibmap_last (int fd, uint64_t size)
{
  int block_size = 0, block;

  if (ioctl (fd, FIGETBSZ, &block_size) == -1 || block_size <= 0)
    return -1;
  block = (int) ((size - 1) / (uint64_t) block_size);
  return ioctl (fd, FIBMAP, &block);
}

int
clinux_block_size (int fd)
{
  int block_size = 0;

  return ioctl (fd, FIGETBSZ, &block_size) == -1 ? -1 : block_size;
}

int64_t
clinux_fibmap (int fd, uint64_t block)
{
  int number;

  if (block > INT_MAX)
    return -1;
  number = (int) block;
  if (ioctl (fd, FIBMAP, &number) == -1)
    return -1;
  return (int64_t) (unsigned int) number;
}

int
clinux_is_layered (int fd)
{
  struct stat s;
  /* A partition has no such directory, its disk has. */
  static const char *const directories[] = { "slaves", "../slaves" };
  int layered = 0;

  if (fstat (fd, &s) == -1)
    return -1;
  for (size_t i = 0; i < sizeof directories / sizeof directories[0]; ++i) {
    char path[64];
    snprintf (path, sizeof path, "/sys/dev/block/%u:%u/%s", major (s.st_rdev), minor (s.st_rdev), directories[i]);
    DIR *directory = opendir (path);
    if (directory == NULL)
      continue;
    for (struct dirent *entry; (entry = readdir (directory)) != NULL; )
      if (entry->d_name[0] != '.')
        layered = 1;
    closedir (directory);
  }
  return layered;
}

int
clinux_flush_buffers (int fd)
{
  return ioctl (fd, BLKFLSBUF, 0);
}

uint32_t
clinux_ntfs_attributes (int fd)
{
  uint32_t attributes = 0;

  if (fgetxattr (fd, "system.ntfs_attrib", &attributes, sizeof attributes) != sizeof attributes)
    return 0;
  return attributes;
}

long
clinux_getdents (int fd, void *buffer, size_t size)
{
  return getdents64 (fd, buffer, size);
}

int
clinux_private_pipe (int ends[2])
{
  return pipe2 (ends, O_CLOEXEC);
}

int
clinux_punch_hole (int fd, uint64_t offset, uint64_t size)
{
  return fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) offset, (off_t) size);
}

int64_t
clinux_seek_data (int fd, uint64_t offset)
{
  return lseek (fd, (off_t) offset, SEEK_DATA);
}

int64_t
clinux_seek_hole (int fd, uint64_t offset)
{
  return lseek (fd, (off_t) offset, SEEK_HOLE);
}

long
clinux_readahead (int fd, uint64_t offset, size_t count)
{
  return readahead (fd, (off_t) offset, count);
}

int
clinux_get_statfs (const char *path, struct clinux_statfs *result)
{
  struct statfs s;

  if (statfs (path, &s) == -1)
    return -1;
  result->type = (uint64_t) s.f_type & 0xffffffff;
  result->block_size = s.f_bsize;
  result->blocks = s.f_blocks;
  result->blocks_free = s.f_bfree;
  result->files = s.f_files;
  result->files_free = s.f_ffree;
  return 0;
}

int
clinux_limit_arenas (int count)
{
  return mallopt (M_ARENA_MAX, count);
}

enum { most_descriptors = 16 };

/* In the child: gives it the descriptors and runs the program. Returns only if that fails. Other threads may have held
 * locks when the process was forked, so only functions that take none are called. */
static void
run_program (const char *program, char *const arguments[], const int descriptors[], int count)
{
  int copies[most_descriptors];
  sigset_t none;

  if (count < 0 || count > most_descriptors) {
    errno = EINVAL;
    return;
  }
  /* First out of the way, since one of them may have a number that another one is to get. */
  for (int i = 0; i < count; ++i)
    if ((copies[i] = fcntl (descriptors[i], F_DUPFD_CLOEXEC, count)) == -1)
      return;
  for (int i = 0; i < count; ++i)
    if (dup2 (copies[i], i) == -1)
      return;
  /* Everything that this program opens is closed on exec, but libraries may open more. Linux before 5.11 cannot do
   * this. */
  (void) close_range ((unsigned) count, ~0U, CLOSE_RANGE_CLOEXEC);
  sigemptyset (&none);
  if (sigprocmask (SIG_SETMASK, &none, NULL) == -1)
    return;
  execvp (program, arguments);
}

pid_t
clinux_start (const char *program, char *const arguments[], const int descriptors[], int count, int death_signal)
{
  int failure[2], error = 0;
  const pid_t parent = getpid ();

  if (pipe2 (failure, O_CLOEXEC) == -1)
    return -1;
  const pid_t child = fork ();
  if (child == 0) {
    failure[1] = fcntl (failure[1], F_DUPFD_CLOEXEC, most_descriptors);
    /* The parent may have ended before prctl. */
    if (setpgid (0, 0) == 0 && prctl (PR_SET_PDEATHSIG, death_signal) == 0 && getppid () == parent)
      run_program (program, arguments, descriptors, count);
    error = errno;
    if (write (failure[1], &error, sizeof error) == -1)
      _exit (126);
    _exit (127);
  }
  if (child == -1)
    error = errno;
  close (failure[1]);
  /* The pipe ends when the program runs. */
  ssize_t length = 0;
  while (child != -1 && (length = read (failure[0], &error, sizeof error)) == -1 && errno == EINTR)
    ;
  close (failure[0]);
  if (child != -1 && length > 0)
    while (waitpid (child, NULL, 0) == -1 && errno == EINTR)
      ;
  if (error == 0)
    return child;
  errno = error;
  return -1;
}
