#include "plan/steps/ties.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/clones.h"
#include "quant/vector_ops.h"

namespace tara::plan {

namespace {

constexpr int LOW_BITS = 16;
constexpr size_t BUCKETS = size_t{1} << LOW_BITS;

uint32_t magnitude_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits & 0x7fffffff;
}

// Whether any of a few elements lies in the bucket; most lie elsewhere.
TARA_CLONES bool any_in_bucket(const float * x, int64_t n, uint32_t bucket) {
  uint32_t found = 0;
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    found |= ((bits & 0x7fffffff) >> LOW_BITS) == bucket ? 1 : 0;
  }
  return found != 0;
}

}  // namespace

void Thresholds::start(size_t streams, uint64_t k) {
  streams_.assign(streams, {0, k});
  thresholds_.assign(streams, 0.0f);
  counts_.assign(streams * BUCKETS, 0);
}

int64_t Thresholds::bytes() const { return static_cast<int64_t>(counts_.capacity() * sizeof(uint64_t)); }

void Thresholds::clear(std::vector<uint32_t> & counts) const { counts.assign(counts_.size(), 0); }

void Thresholds::count(int pass, size_t stream, const float * x, int64_t n, std::vector<uint32_t> & counts) const {
  uint32_t * buckets = counts.data() + stream * BUCKETS;
  if (pass == 0) {
    for (int64_t i = 0; i < n; ++i) ++buckets[magnitude_bits(x[i]) >> LOW_BITS];
    return;
  }
  constexpr int64_t STRIDE = 64;
  const uint32_t bucket = streams_[stream].bucket;
  for (int64_t first = 0; first < n; first += STRIDE) {
    const int64_t width = std::min(STRIDE, n - first);
    if (!any_in_bucket(x + first, width, bucket)) continue;
    for (int64_t i = first; i < first + width; ++i) {
      const uint32_t bits = magnitude_bits(x[i]);
      if (bits >> LOW_BITS == bucket) ++buckets[bits & (BUCKETS - 1)];
    }
  }
}

void Thresholds::add(const std::vector<uint32_t> & counts) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += counts[i];
}

bool Thresholds::settle(int pass) {
  for (size_t stream = 0; stream < streams_.size(); ++stream) {
    const uint64_t * buckets = counts_.data() + stream * BUCKETS;
    auto & [bucket, wanted] = streams_[stream];
    constexpr size_t INFINITE = quant::INFINITY_BITS >> LOW_BITS;
    if (pass == 0 && std::any_of(buckets + INFINITE, buckets + BUCKETS, [](uint64_t count) { return count > 0; })) return false;
    size_t at = BUCKETS - 1;
    while (at > 0 && buckets[at] < wanted) wanted -= buckets[at--];
    if (pass == 0) {
      bucket = static_cast<uint32_t>(at);
      continue;
    }
    const uint32_t bits = bucket << LOW_BITS | static_cast<uint32_t>(at);
    std::memcpy(&thresholds_[stream], &bits, sizeof bits);
  }
  if (pass + 1 == PASSES) {
    counts_ = {};
  } else {
    std::fill(counts_.begin(), counts_.end(), 0);
  }
  return true;
}

TARA_CLONES void trim(float * x, int64_t n, float threshold) {
  for (int64_t i = 0; i < n; ++i) x[i] = quant::where(std::fabs(x[i]) >= threshold, x[i]);
}

TARA_CLONES void elect(const float * deltas, int64_t stride, const std::vector<float> & weights, int64_t n, float * merged) {
  constexpr int64_t WIDTH = 256;
  float votes[WIDTH], sums[WIDTH], masses[WIDTH];
  for (int64_t first = 0; first < n; first += WIDTH) {
    const int64_t width = std::min(WIDTH, n - first);
    std::fill(votes, votes + width, 0.0f);
    std::fill(sums, sums + width, 0.0f);
    std::fill(masses, masses + width, 0.0f);
    for (size_t term = 0; term < weights.size(); ++term) {
      const float * delta = deltas + static_cast<int64_t>(term) * stride + first;
      const float weight = weights[term];
      for (int64_t j = 0; j < width; ++j) votes[j] += weight * delta[j];
    }
    for (int64_t j = 0; j < width; ++j) votes[j] = quant::where(votes[j] > 0.0f, 1.0f) - quant::where(votes[j] < 0.0f, 1.0f);
    for (size_t term = 0; term < weights.size(); ++term) {
      const float * delta = deltas + static_cast<int64_t>(term) * stride + first;
      const float weight = weights[term], mass = std::fabs(weight);
      for (int64_t j = 0; j < width; ++j) {
        const float part = weight * delta[j] * votes[j];  // positive where it agrees
        sums[j] += quant::where(part > 0.0f, part);
        masses[j] += quant::where(part > 0.0f, mass);
      }
    }
    for (int64_t j = 0; j < width; ++j) merged[first + j] = votes[j] * sums[j] / (masses[j] + quant::where(masses[j] == 0.0f, 1.0f));
  }
}

}  // namespace tara::plan
