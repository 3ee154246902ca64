// The pages under memory that is reserved and not yet used.
#pragma once

#include <cstddef>

namespace ecmp {

// Whether the kernel was asked to put large pages (2 MiB) under as much of it as they fit in: it need not, and says nothing.
// What is touched already stays as it is.
bool advise_large_pages(void* memory, size_t bytes);

}  // namespace ecmp
