// What a runner has done since it was opened; written by its thread, read by any.
#pragma once

#include <atomic>
#include <cstdint>

namespace tara {

struct Stats {
  std::atomic<uint64_t> active{0};  // sequences that hold a slot
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> prompt_tokens{0};  // decoded
  std::atomic<uint64_t> cached_tokens{0};  // taken over
  std::atomic<uint64_t> completion_tokens{0};
  std::atomic<uint64_t> decodes{0};
  std::atomic<uint64_t> busy_us{0};
};

}  // namespace tara
