/* Needed for mallopt, which Swift's Glibc module lacks. */
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>

/* The entry point of libFuzzer; see "Using libFuzzer as a library" in its documentation. */
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *data, size_t size));
