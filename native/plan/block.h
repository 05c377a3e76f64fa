// One block of rows of one tensor: read, steps in float32, encode for every output.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "plan/file_io.h"
#include "plan/lowered.h"

namespace tara::plan {

// The open files of a run, shared by its workers.
struct Files {
  std::vector<std::unique_ptr<SourceFile>> sources;
  std::vector<std::unique_ptr<OutputFile>> outputs;
  std::atomic<int64_t> bytes_read{0};
  std::atomic<int64_t> bytes_written{0};

  void read(int source, void * into, int64_t bytes, int64_t offset) {
    sources[source]->read(into, static_cast<size_t>(bytes), offset);
    bytes_read.fetch_add(bytes, std::memory_order_relaxed);
  }
};

// A worker's buffers, kept from block to block.
struct Scratch {
  std::vector<uint8_t> raw;
  std::vector<uint8_t> window;
  std::vector<uint8_t> encoded;
  std::vector<float> values;
  std::vector<float> spare;
  std::vector<std::vector<int64_t>> rows;  // the rows wanted at each stage, sources first

  int64_t bytes() const;
};

// The low-rank factors of one delta step in float32: its delta is left x right, ranks of all terms side by side.
struct Factors {
  int64_t rank = 0;
  std::vector<float> left;   // [rows, rank], weights and scales included
  std::vector<float> right;  // [rank, cols]

  int64_t bytes() const { return static_cast<int64_t>((left.size() + right.size()) * sizeof(float)); }
};

// What the blocks of a tensor share: factors are read by the first block that needs them and freed after the last.
class TensorState {
 public:
  const std::vector<Factors> & factors(const Tensor & tensor, Files & files);
  // True once, for the last of `blocks`.
  bool block_done(int64_t blocks);
  int64_t factor_bytes() const noexcept { return factor_bytes_; }

 private:
  std::mutex mutex_;
  bool loaded_ = false;
  int64_t done_ = 0;
  std::atomic<int64_t> factor_bytes_{0};
  std::vector<Factors> factors_;
};

// Rows in a block of this tensor, about `values` values of float32.
int64_t block_rows(const Tensor & tensor, int64_t values);

// Makes rows [first, first + count) and writes them to every output. Throws tara::Error.
void run_block(const Lowered & plan, const Tensor & tensor, TensorState & state, Files & files, Scratch & scratch, int64_t first, int64_t count);

}  // namespace tara::plan
