// The terms of a delta: adapters' low-rank factors, and tensors that would take W's place (DoRA's, full ones).
// Each gives a delta for any tile of the matrix, with the same bits whenever and wherever it is asked.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/steps/step.h"

namespace tara::plan {

// A few rows of a block by some columns: what stays in the first cache for all terms.
struct Tile {
  int64_t row;  // in the block
  int64_t rows;
  int64_t col;
  int64_t cols;

  int64_t size() const { return rows * cols; }
};

constexpr int64_t TILE_ROWS = 4;
constexpr int64_t TILE_COLS = 512;
constexpr int64_t TILE_SIZE = TILE_ROWS * TILE_COLS;

class Terms {
 public:
  explicit Terms(const Step & step);

  void load(Files & files);
  int64_t bytes() const;

  // A sum keeps all plain low-rank terms as one, their weights and scales included.
  size_t count() const { return terms_.size(); }
  float weight(size_t term) const { return terms_[term].weight; }
  // Whether a delta depends on W.
  bool need_values() const;
  // One term of weight 1 that takes W's place.
  bool replace() const;

  // Turns scratch.values into the rows of that one term.
  void replace_rows(const Block & block) const;
  // Before the tiles of a block.
  void prepare(const Block & block) const;
  // The term's delta in a tile, [tile.rows, tile.cols].
  void delta(size_t term, const Block & block, const Tile & tile, float * out) const;

  // Calls work(tile) for all of a block: columns outside, so that a stretch of the right factors serves all rows.
  template <typename F>
  void each_tile(const Block & block, F && work) const {
    const int64_t tiles = (cols_ + TILE_COLS - 1) / TILE_COLS;
    const int64_t width = ((cols_ + tiles - 1) / tiles + 15) / 16 * 16;
    for (int64_t col = 0; col < cols_; col += width) {
      for (int64_t row = 0; row < block.count; row += TILE_ROWS) {
        work(Tile{row, row + TILE_ROWS < block.count ? TILE_ROWS : block.count - row, col, col + width < cols_ ? width : cols_ - col});
      }
    }
  }

 private:
  struct Factor {
    const Term * term;
    float scale;
  };
  struct Part {
    float weight = 1;
    std::vector<Factor> factors;
    const Term * place = nullptr;  // the term that takes W's place
    int64_t rank = 0;
    std::vector<float> left;       // [rows, rank], scales included
    std::vector<float> right;      // [rank, cols]
    std::vector<float> magnitude;  // [rows]
    std::vector<float> whole;      // a full tensor that had to be turned, [rows, cols]
  };

  void load_factors(Part & part, Files & files) const;
  void product(const Part & part, const Block & block, const Tile & tile, float * out) const;
  void place_rows(const Part & part, const Block & block, float * into) const;
  void dora_rows(const Part & part, const Block & block, float * into) const;

  const int64_t rows_, cols_;
  std::vector<Part> terms_;
};

}  // namespace tara::plan
