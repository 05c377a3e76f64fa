// Weights on huge pages: decoding streams all of them for every token, and small pages cost about 5 % in address translation.
#pragma once

#include <cstdint>
#include <vector>

namespace tara {

struct MemoryRange {
  uintptr_t from;
  uintptr_t to;
};

// This process's large writable anonymous mappings; empty where the system does not tell.
std::vector<MemoryRange> large_mappings();

// Asks the kernel to gather what was mapped since `before` into huge pages. Where it cannot, nothing changes.
void gather_huge_pages(const std::vector<MemoryRange> & before);

}  // namespace tara
