/* Linux system calls that Swift's Glibc module leaves out, or that take variable arguments. Every function returns
 * what the call returns and leaves errno as the call does. */
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>

#include <linux/fiemap.h>
#include <sys/types.h>

/* Opens NAME in the directory DIRECTORY with O_DIRECT as well, where DIRECT is not 0. */
int clinux_openat (int directory, const char *name, int flags, int direct);

/* FS_IOC_FIEMAP. */
int clinux_fiemap (int fd, struct fiemap *map);

/* FIBMAP of the last block of a file of SIZE bytes, which is not 0. */
int clinux_fibmap_last (int fd, uint64_t size);

/* FIGETBSZ: the block size that FIBMAP counts in, in bytes. */
int clinux_block_size (int fd);

/* FIBMAP: the number of the device's block that holds the file's block BLOCK, 0 for a hole. */
int64_t clinux_fibmap (int fd, uint64_t block);

/* Whether the block device FD is made of other devices (device mapper, md), itself or the disk it is a partition of;
 * -1 if that cannot be found out. */
int clinux_is_layered (int fd);

/* BLKFLSBUF: drops the block device's page cache. */
int clinux_flush_buffers (int fd);

/* The attributes of a file on ntfs-3g, as Windows has them; 0 if there are none. */
uint32_t clinux_ntfs_attributes (int fd);

/* getdents64. */
long clinux_getdents (int fd, void *buffer, size_t size);

/* The next data, or the end of the data, at or after OFFSET: lseek with SEEK_DATA or SEEK_HOLE. */
int64_t clinux_seek_data (int fd, uint64_t offset);
int64_t clinux_seek_hole (int fd, uint64_t offset);

/* fallocate: makes SIZE bytes from OFFSET on a hole, without changing the file's size. */
int clinux_punch_hole (int fd, uint64_t offset, uint64_t size);

/* pipe2 with O_CLOEXEC: no program that is started ever inherits an end. */
int clinux_private_pipe (int ends[2]);

/* mallopt with M_ARENA_MAX: at most COUNT arenas of memory. */
int clinux_limit_arenas (int count);

/* readahead. */
long clinux_readahead (int fd, uint64_t offset, size_t count);

/* What statfs says, as far as it is needed here. */
struct clinux_statfs
{
  uint64_t type, block_size, blocks, blocks_free, files, files_free;
};

int clinux_get_statfs (const char *path, struct clinux_statfs *result);

/* Starts PROGRAM, which is looked for in PATH if its name has no slash, in a process group of its own. ARGUMENTS
 * ends with NULL. The child gets DESCRIPTORS[0] as standard input, DESCRIPTORS[1] as standard output and so on, COUNT
 * of them, and no others. It gets the signal DEATH_SIGNAL when the thread that called this ends. Returns the
 * process's number, or -1 also if the program cannot be run. */
pid_t clinux_start (const char *program, char *const arguments[], const int descriptors[], int count, int death_signal);

#endif
