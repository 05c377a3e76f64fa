#include "quant/feedback.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "quant/clones.h"
#include "quant/grids.h"
#include "quant/vector_ops.h"

namespace tara::quant {

namespace {

constexpr int64_t LANES = FEEDBACK_ROWS;
constexpr int64_t PANEL = 4;   // columns at once
constexpr int64_t SUPER = 256; // columns of the largest block

// LANES values for each column.
using Lanes = float[LANES];

// sums[t] = e M of the panel's columns, over rows [first, last) of M.
TARA_CLONES void pull(const float * panel, const Lanes * errors, int64_t first, int64_t last, Lanes * sums) {
  Lanes s0 = {}, s1 = {}, s2 = {}, s3 = {};
  for (int64_t i = first; i < last; ++i) {
    const float m0 = panel[4 * i], m1 = panel[4 * i + 1], m2 = panel[4 * i + 2], m3 = panel[4 * i + 3];
    for (int64_t lane = 0; lane < LANES; ++lane) {
      const float e = errors[i][lane];
      s0[lane] += m0 * e;
      s1[lane] += m1 * e;
      s2[lane] += m2 * e;
      s3[lane] += m3 * e;
    }
  }
  for (int64_t lane = 0; lane < LANES; ++lane) {
    sums[0][lane] += s0[lane];
    sums[1][lane] += s1[lane];
    sums[2][lane] += s2[lane];
    sums[3][lane] += s3[lane];
  }
}

// sum += e M of one column of a panel, over rows [first, last) of M.
TARA_CLONES void pull_one(const float * column, const Lanes * errors, int64_t first, int64_t last, float * sum) {
  for (int64_t i = first; i < last; ++i) {
    for (int64_t lane = 0; lane < LANES; ++lane) sum[lane] += column[PANEL * i] * errors[i][lane];
  }
}

// The nearest level of each lane: its code, and what it stands for.
TARA_CLONES void round_to_codes(const float * x, const float * step, const float * base, int codes, float * code, float * value) {
  const auto most = static_cast<float>(codes - 1);
  for (int64_t lane = 0; lane < LANES; ++lane) {
    const float place = (x[lane] - base[lane]) * (step[lane] != 0 ? 1 / step[lane] : 0);
    const float rounded = std::floor(std::min(std::max(place, 0.0f), most) + 0.5f);
    code[lane] = rounded;
    value[lane] = base[lane] + step[lane] * rounded;
  }
}

// The code of the nearest level for each half step: levels are whole, so the middles between them are whole halves.
class Nearest {
 public:
  explicit Nearest(const Grid & grid) : codebook_(grid.codebook) {
    if (codebook_ == nullptr) return;
    for (int half = -RANGE; half <= RANGE; ++half) {
      int code = 0;
      while (code + 1 < grid.codes && half > codebook_[code] + codebook_[code + 1]) ++code;
      codes_[half + RANGE] = static_cast<uint8_t>(code);
    }
  }

  void round(const float * x, const float * step, float * code, float * value) const {
    for (int64_t lane = 0; lane < LANES; ++lane) {
      const float halves = 2 * x[lane] * (step[lane] != 0 ? 1 / step[lane] : 0);
      const int nearest = codes_[static_cast<int>(std::ceil(std::clamp<float>(halves, -RANGE, RANGE))) + RANGE];
      code[lane] = static_cast<float>(nearest);
      value[lane] = step[lane] * codebook_[nearest];
    }
  }

 private:
  static constexpr int RANGE = 256;
  const int8_t * codebook_;
  uint8_t codes_[2 * RANGE + 1] = {};
};

void to_lanes(const float * rows, int64_t count, int64_t cols, Lanes * lanes) {
  for (int64_t j = 0; j < cols; ++j) {
    for (int64_t lane = 0; lane < LANES; ++lane) lanes[j][lane] = rows[std::min(lane, count - 1) * cols + j];
  }
}

// Buffers of LANES rows.
struct Tile {
  Tile(std::vector<float> & scratch, int64_t cols) {
    const int64_t wide = cols * LANES, narrow = SUPER * LANES;
    scratch.resize(static_cast<size_t>(2 * wide + 5 * narrow));
    float * at = scratch.data();
    const auto take = [&](int64_t count) { return reinterpret_cast<Lanes *>(std::exchange(at, at + count)); };
    values = take(wide);
    errors = take(wide);
    wanted = take(narrow);
    step = take(narrow);
    base = take(narrow);
    code = take(narrow);
    block_rows = take(narrow)[0];
  }
  Lanes *values, *errors;              // of all columns
  Lanes *wanted, *step, *base, *code;  // of a block
  float * block_rows;                  // a block's wanted values, row by row
};

// What stays the same from block to block.
struct Rounding {
  Rounding(ggml_type type, const Factor & factor) : type(type), factor(factor), grid(grid_of(type)), nearest(grid), size(ggml_blck_size(type)), bytes(static_cast<int64_t>(ggml_type_size(type))) {}
  const ggml_type type;
  const Factor & factor;
  const Grid grid;
  const Nearest nearest;
  const int64_t size;   // columns of a block
  const int64_t bytes;  // of a block
};

// Rounds columns [first, first + size), a block of each row, whose bytes lie `row_bytes` apart.
bool round_block(const Rounding & rounding, Tile & tile, int64_t first, uint8_t * to, int64_t count, int64_t row_bytes, double & loss) {
  const auto & [type, factor, grid, nearest, size, block_bytes] = rounding;
  for (int64_t j = 0; j < size; ++j) std::copy_n(tile.values[first + j], LANES, tile.wanted[j]);
  for (int64_t j = 0; j < size; j += PANEL) pull(factor.panel((first + j) / PANEL), tile.errors, 0, first, tile.wanted + j);

  for (int64_t row = 0; row < count; ++row) {
    for (int64_t j = 0; j < size; ++j) tile.block_rows[row * size + j] = tile.wanted[j][row];
  }
  uint8_t blocks[LANES * SUPER];
  float spare[SUPER];
  const uint32_t peak = peak_bits(tile.block_rows, count * size);
  if (peak >= INFINITY_BITS) return false;
  if (encode(type, tile.block_rows, blocks, count, size, factor.importance() + first, peak, spare) != Encoded::ok) return false;

  for (int64_t row = 0; row < LANES; ++row) {
    float step[SUPER], base[SUPER];
    read_grid(type, blocks + std::min(row, count - 1) * block_bytes, step, base);
    for (int64_t j = 0; j < size; ++j) {
      tile.step[j][row] = step[j];
      tile.base[j][row] = base[j];
    }
  }
  for (int64_t j = 0; j < size; ++j) {
    const int64_t column = first + j;
    pull_one(factor.panel(column / PANEL) + column % PANEL, tile.errors, first, column, tile.wanted[j]);
    Lanes value;
    if (grid.codebook != nullptr) {
      nearest.round(tile.wanted[j], tile.step[j], tile.code[j], value);
    } else {
      round_to_codes(tile.wanted[j], tile.step[j], tile.base[j], grid.codes, tile.code[j], value);
    }
    for (int64_t lane = 0; lane < LANES; ++lane) tile.errors[column][lane] = tile.values[column][lane] - value[lane];
    for (int64_t lane = 0; lane < count; ++lane) {
      const double rest = tile.wanted[j][lane] - value[lane];
      loss += factor.importance()[column] * rest * rest;
    }
  }
  for (int64_t row = 0; row < count; ++row) {
    uint8_t codes[SUPER];
    for (int64_t j = 0; j < size; ++j) codes[j] = static_cast<uint8_t>(tile.code[j][row]);
    uint8_t * block = to + row * row_bytes + first / size * block_bytes;
    std::copy_n(blocks + row * block_bytes, block_bytes, block);
    put_codes(type, block, codes);
  }
  return true;
}

}  // namespace

Factor::Factor(const std::vector<float> & square, int64_t cols) : cols_(cols), importance_(static_cast<size_t>(cols)), panels_(static_cast<size_t>(cols * cols)) {
  for (int64_t i = 0; i < cols; ++i) {
    importance_[i] = square[i * cols + i];
    for (int64_t j = i + 1; j < cols; ++j) panels_[(j / PANEL * cols + i) * PANEL + j % PANEL] = square[i * cols + j];
  }
}

bool takes_feedback(ggml_type type) { return grid_of(type).codes > 0; }

Encoded encode_with_feedback(ggml_type type, const float * from, void * to, int64_t rows, const Factor & factor, uint32_t peak, std::vector<float> & scratch, double * loss) {
  if (peak > F16_MAX_BITS) return Encoded::out_of_range;
  const Rounding rounding(type, factor);
  const int64_t cols = factor.cols();
  const auto row_bytes = static_cast<int64_t>(ggml_row_size(type, cols));
  Tile tile(scratch, cols);
  auto * bytes = static_cast<uint8_t *>(to);
  double sum = 0;
  for (int64_t row = 0; row < rows; row += LANES) {
    const int64_t count = std::min(LANES, rows - row);
    to_lanes(from + row * cols, count, cols, tile.values);
    for (int64_t first = 0; first < cols; first += rounding.size) {
      if (!round_block(rounding, tile, first, bytes + row * row_bytes, count, row_bytes, sum)) return Encoded::out_of_range;
    }
  }
  if (loss != nullptr) *loss = sum;
  return Encoded::ok;
}

double feedback_loss(const float * errors, int64_t rows, const Factor & factor, std::vector<float> & scratch) {
  const int64_t cols = factor.cols();
  Tile tile(scratch, cols);
  double loss = 0;
  for (int64_t row = 0; row < rows; row += LANES) {
    const int64_t count = std::min(LANES, rows - row);
    to_lanes(errors + row * cols, count, cols, tile.errors);
    for (int64_t j = 0; j < cols; j += PANEL) {
      std::copy_n(tile.errors[j], PANEL * LANES, tile.wanted[0]);
      pull(factor.panel(j / PANEL), tile.errors, 0, std::min(j + PANEL, cols), tile.wanted);
      for (int64_t t = 0; t < PANEL; ++t) {
        for (int64_t lane = 0; lane < count; ++lane) {
          loss += static_cast<double>(factor.importance()[j + t]) * tile.wanted[t][lane] * tile.wanted[t][lane];
        }
      }
    }
  }
  return loss;
}

}  // namespace tara::quant
