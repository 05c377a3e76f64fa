// TIES (Yadav et al. 2023): each term's delta is trimmed to its largest elements, then terms vote on each sign.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tara::plan {

// The k-th largest magnitude of several streams of float32, exactly: a histogram of the upper 16 bits finds a
// bucket, a second one of the lower 16 bits finds the value in it. Counts are integers, so order does not matter.
class Thresholds {
 public:
  static constexpr int PASSES = 2;

  // k of every stream's elements.
  void start(size_t streams, uint64_t k);
  int64_t bytes() const;

  // A worker's counters for one call of add().
  void clear(std::vector<uint32_t> & counts) const;
  // Counts n elements of a stream.
  void count(int pass, size_t stream, const float * x, int64_t n, std::vector<uint32_t> & counts) const;
  // Adds a worker's counters; not safe from two workers at once.
  void add(const std::vector<uint32_t> & counts);
  // False when a stream holds NaN or infinity.
  bool settle(int pass);

  // The k-th largest magnitude: what is smaller falls away, equals stay.
  float of(size_t stream) const { return thresholds_[stream]; }

 private:
  struct Stream {
    uint32_t bucket = 0;      // the upper bits of the k-th largest magnitude
    uint64_t wanted = 0;      // how many are still to be found below what was counted
  };
  std::vector<Stream> streams_;
  std::vector<uint64_t> counts_;
  std::vector<float> thresholds_;
};

void trim(float * x, int64_t n, float threshold);

// merged[j] = the weighted mean of those deltas whose weighted sign is that of the weighted sum; 0 where there is none.
// deltas: one row of n values for each weight, `stride` apart.
void elect(const float * deltas, int64_t stride, const std::vector<float> & weights, int64_t n, float * merged);

}  // namespace tara::plan
