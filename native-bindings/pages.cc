#include "pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace ecmp {

bool advise_large_pages(void* memory, size_t bytes) {
  constexpr uintptr_t kLarge = 2 << 20;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(memory) + kLarge - 1) & ~(kLarge - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes) & ~(kLarge - 1);
  return begin < end && madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE) == 0;
}

}  // namespace ecmp
