#include "plan/steps/dare.h"

#include "quant/clones.h"

namespace tara::plan {

namespace {

constexpr uint64_t GAMMA = 0x9e3779b97f4a7c15;

inline uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// FNV-1a.
uint64_t hash(const std::string & text) {
  uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) value = (value ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return value;
}

TARA_CLONES void drop(float * x, int64_t n, uint64_t state, uint64_t below, float rescale) {
  for (int64_t i = 0; i < n; ++i) {
    const bool kept = mix(state + static_cast<uint64_t>(i) * GAMMA) >> 32 < below;
    x[i] = quant::where(kept, x[i] * rescale);
  }
}

}  // namespace

Dropout::Dropout(uint32_t seed, const std::string & tensor, size_t term, double density)
    : key_(mix(mix(hash(tensor) + seed * GAMMA) + (term + 1) * GAMMA)),
      below_(static_cast<uint64_t>(density * 4294967296.0)),
      rescale_(static_cast<float>(1 / density)) {}

void Dropout::apply(float * x, int64_t n, int64_t first) const { drop(x, n, key_ + static_cast<uint64_t>(first) * GAMMA, below_, rescale_); }

}  // namespace tara::plan
