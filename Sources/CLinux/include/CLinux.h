/* Linux interfaces that the Glibc module leaves out, for Swift. */
#ifndef CLINUX_H
#define CLINUX_H

#include <linux/fs.h>
#include <linux/fiemap.h>
#include <stdint.h>

#endif
