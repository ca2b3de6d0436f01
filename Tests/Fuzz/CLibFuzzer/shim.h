/* For mallopt, which Swift's Glibc module leaves out. */
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>

/* What libFuzzer is run by, see "Using libFuzzer as a library" in its documentation. */
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *data, size_t size));
