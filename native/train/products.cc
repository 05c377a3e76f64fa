#include "train/products.h"

#include <algorithm>
#include <cstring>

namespace tara::train {

namespace {

constexpr size_t DEPTH = 256;  // rows of a panel at a time: 16 KiB, which stay in L1 while the rows of A pass
constexpr size_t ROWS = 240;   // of A at a time: with DEPTH columns they stay in L2

#if defined(__GNUC__)
typedef float Lanes __attribute__((vector_size(PANEL * sizeof(float)), aligned(4)));
#define TARA_TILE inline __attribute__((always_inline))
#else
struct Lanes {
  float lane[PANEL];
};
inline Lanes & operator+=(Lanes & a, const Lanes & b) {
  for (size_t i = 0; i < PANEL; ++i) a.lane[i] += b.lane[i];
  return a;
}
inline Lanes operator*(float a, Lanes b) {
  for (float & lane : b.lane) lane *= a;
  return b;
}
#define TARA_TILE inline
#endif

struct Block {
  Left a;
  const float * b;
  size_t b_row;
  float * c;
  size_t c_row;
  size_t k;
  bool add;
};

// COUNT rows of C, 16 columns each, held in registers.
template <size_t COUNT>
TARA_TILE void tile(const Block & block, size_t first) {
  Lanes sums[COUNT];
  const float * a = block.a.data + first * block.a.row;
  float * c = block.c + first * block.c_row;
  for (size_t i = 0; i < COUNT; ++i) {
    if (block.add) std::memcpy(&sums[i], c + i * block.c_row, sizeof(Lanes));
    else sums[i] = Lanes{};
  }
  for (size_t p = 0; p < block.k; ++p) {
    Lanes b;
    std::memcpy(&b, block.b + p * block.b_row, sizeof(Lanes));
    for (size_t i = 0; i < COUNT; ++i) sums[i] += a[i * block.a.row + p * block.a.col] * b;
  }
  for (size_t i = 0; i < COUNT; ++i) std::memcpy(c + i * block.c_row, &sums[i], sizeof(Lanes));
}

// All rows, COUNT at a time, then what is left by halves.
template <size_t COUNT>
TARA_TILE size_t tiles(const Block & block, size_t rows, size_t first) {
  for (; first + COUNT <= rows; first += COUNT) tile<COUNT>(block, first);
  return first;
}

// As many rows as there are registers for their sums, a row of B and a spread value of A.
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx512f"))) void rows_avx512(const Block & block, size_t rows) {
  tiles<1>(block, rows, tiles<2>(block, rows, tiles<4>(block, rows, tiles<12>(block, rows, 0))));
}
__attribute__((target("avx2,fma"))) void rows_avx2(const Block & block, size_t rows) {
  tiles<1>(block, rows, tiles<2>(block, rows, tiles<6>(block, rows, 0)));
}
#endif
void rows_plain(const Block & block, size_t rows) { tiles<1>(block, rows, tiles<3>(block, rows, 0)); }

using Kernel = void (*)(const Block &, size_t);
Kernel best() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx512f")) return rows_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return rows_avx2;
#endif
  return rows_plain;
}

const Kernel & kernel() {
  static const Kernel chosen = best();
  return chosen;
}

// A block of fewer than 16 columns, by way of copies that are filled up.
void narrow(Block block, size_t rows, size_t columns) {
  thread_local std::vector<float> b, c;
  b.assign(block.k * PANEL, 0);
  c.assign(rows * PANEL, 0);
  for (size_t p = 0; p < block.k; ++p) std::copy_n(block.b + p * block.b_row, columns, &b[p * PANEL]);
  if (block.add) {
    for (size_t i = 0; i < rows; ++i) std::copy_n(block.c + i * block.c_row, columns, &c[i * PANEL]);
  }
  kernel()({block.a, b.data(), PANEL, c.data(), PANEL, block.k, block.add}, rows);
  for (size_t i = 0; i < rows; ++i) std::copy_n(&c[i * PANEL], columns, block.c + i * block.c_row);
}

// `b_of(j, p)` is row p of the columns from j on; `b_row` the distance of its rows.
template <typename B>
void in_blocks(Left a, B b_of, size_t b_row, float * c, size_t c_row, size_t m, size_t n, size_t k, bool add) {
  for (size_t p = 0; p < k; p += DEPTH) {
    const size_t depth = std::min(DEPTH, k - p);
    for (size_t i = 0; i < m; i += ROWS) {
      const size_t rows = std::min(ROWS, m - i);
      const Left part{a.data + i * a.row + p * a.col, a.row, a.col};
      for (size_t j = 0; j < n; j += PANEL) {
        const Block block{part, b_of(j, p), b_row, c + i * c_row + j, c_row, depth, add || p > 0};
        if (j + PANEL <= n) kernel()(block, rows);
        else narrow(block, rows, n - j);
      }
    }
  }
}

}  // namespace

void Panels::resize(size_t rows, size_t columns) {
  k = rows;
  n = columns;
  data.assign((n + PANEL - 1) / PANEL * k * PANEL, 0);
}

void multiply(Left a, const Panels & b, float * c, size_t c_row, size_t m, bool add) {
  in_blocks(a, [&](size_t j, size_t p) { return b.panel(j / PANEL) + p * PANEL; }, PANEL, c, c_row, m, b.n, b.k, add);
}

void multiply(Left a, const float * b, size_t b_row, float * c, size_t c_row, size_t m, size_t n, size_t k, bool add) {
  in_blocks(a, [&](size_t j, size_t p) { return b + p * b_row + j; }, b_row, c, c_row, m, n, k, add);
}

}  // namespace tara::train
