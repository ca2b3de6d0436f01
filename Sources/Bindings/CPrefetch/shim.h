/* What the compiler has as a builtin and Swift does not. */
#ifndef CPREFETCH_H
#define CPREFETCH_H

/* Begins to bring the line of the processor's cache with ADDRESS there, and does not wait for it. Any address will do. */
static inline void
cprefetch (const void *address)
{
  __builtin_prefetch (address);
}

#endif
