import CLinux
import Glibc

print(FIEMAP_MAX_OFFSET)
