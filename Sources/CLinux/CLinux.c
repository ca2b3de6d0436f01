#define _GNU_SOURCE

#include "CLinux.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
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
