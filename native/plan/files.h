// What the workers of a run share (its open files) and what each has for itself (buffers).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "plan/file_io.h"

namespace tara::plan {

struct Files {
  std::vector<std::unique_ptr<SourceFile>> sources;
  std::vector<std::unique_ptr<OutputFile>> outputs;  // null where one only measures
  std::atomic<int64_t> bytes_read{0};
  std::atomic<int64_t> bytes_written{0};

  void read(int source, void * into, int64_t bytes, int64_t offset) {
    sources[source]->read(into, static_cast<size_t>(bytes), offset);
    bytes_read.fetch_add(bytes, std::memory_order_relaxed);
  }
};

// A worker's buffers, kept from block to block.
struct Scratch {
  std::vector<uint8_t> raw;      // the rows as the sources hold them
  std::vector<uint8_t> window;   // a stretch of a source that holds scattered rows
  std::vector<uint8_t> encoded;  // the rows as an output wants them
  std::vector<float> values;     // the rows on their way through the steps
  std::vector<float> spare;
  std::vector<float> decoded;  // what a measured type makes of the values
  std::vector<float> ones;     // the importance of columns that have none
  std::vector<float> lanes;    // rows side by side, of rounding with feedback
  std::vector<std::vector<int64_t>> rows;  // the rows wanted at each stage, sources first

  std::vector<uint8_t> other_raw;           // rows of tensors that steps read besides
  std::vector<std::vector<float>> others;   // the same in float32, one for each term
  std::vector<float> deltas;                // a tile of every term's delta
  std::vector<float> merged;                // and of what they become
  std::vector<uint32_t> counts;             // histograms

  int64_t bytes() const {
    size_t total = raw.capacity() + window.capacity() + encoded.capacity() + other_raw.capacity();
    total += (values.capacity() + spare.capacity() + decoded.capacity() + ones.capacity() + lanes.capacity() + deltas.capacity() + merged.capacity() + counts.capacity()) * sizeof(float);
    for (const auto & list : others) total += list.capacity() * sizeof(float);
    for (const auto & list : rows) total += list.capacity() * sizeof(int64_t);
    return static_cast<int64_t>(total);
  }
};

// A buffer of at least `count` elements; what it held is lost when it grows.
template <typename T>
T * sized(std::vector<T> & buffer, int64_t count) {
  if (static_cast<int64_t>(buffer.size()) < count) {
    buffer = {};  // otherwise both would be held, and the new one would be larger than asked for
    buffer.resize(static_cast<size_t>(count));
  }
  return buffer.data();
}

}  // namespace tara::plan
