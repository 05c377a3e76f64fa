#include "engine/huge_pages.h"

#include <algorithm>

#ifdef __linux__
#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>
#endif

namespace tara {

#ifdef __linux__

namespace {
constexpr uintptr_t HUGE_PAGE = 2u << 20;
constexpr uintptr_t LEAST = 16u << 20;
// MADV_COLLAPSE of Linux 6.1; older kernels refuse it.
constexpr int COLLAPSE = 25;
}  // namespace

std::vector<MemoryRange> large_mappings() {
  std::vector<MemoryRange> ranges;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    MemoryRange range{};
    char access[5] = {};
    unsigned inode = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*x %*x:%*x %u", &range.from, &range.to, access, &inode) != 4) continue;
    if (inode == 0 && access[1] == 'w' && range.to - range.from >= LEAST) ranges.push_back(range);
  }
  return ranges;
}

void gather_huge_pages(const std::vector<MemoryRange> & before) {
  for (const auto & range : large_mappings()) {
    const auto known = [&](const MemoryRange & old) { return old.from == range.from && old.to == range.to; };
    if (std::any_of(before.begin(), before.end(), known)) continue;
    const uintptr_t from = (range.from + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    const uintptr_t to = range.to / HUGE_PAGE * HUGE_PAGE;
    if (from < to) madvise(reinterpret_cast<void *>(from), to - from, COLLAPSE);
  }
}

#else

std::vector<MemoryRange> large_mappings() { return {}; }
void gather_huge_pages(const std::vector<MemoryRange> &) {}

#endif

}  // namespace tara
