// The kernels against ggml on rows of every kind, without a fuzzer: for CPUs and emulators that have none. Prints digests of ggml's bytes, which
// are the same on every CPU where ggml's own arithmetic is defined. Build and run: docs/quantize-kernels.md.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "compare.h"
#include "quant/lanes/kernels.h"

namespace {

using namespace tara::quant;

// Numbers that are the same everywhere: sums that are exact, powers of two, and one draw in a statement.
struct Random {
  uint32_t state = 2463534242;
  float kept = 0;

  uint32_t word() {
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
  }
  bool one_in(uint32_t n) { return word() % n == 0; }
  float unit() { return static_cast<float>(word() >> 12) * 0x1p-20f; }
  float bell() { return unit() + unit() + unit() + unit() - 2; }
  float power(int low, int high) {
    const float whole = 1 + unit();
    const int exponent = low + static_cast<int>(word() % static_cast<uint32_t>(high - low));
    return std::ldexp(one_in(2) ? whole : -whole, exponent);
  }
  // A value for 16 places.
  float anew(size_t index, float value) {
    if (index % 16 == 0) kept = value;
    return kept;
  }
  float bits() {
    const uint32_t any = word();
    float value;
    std::memcpy(&value, &any, sizeof value);
    return value;
  }
};

using Draw = float (*)(Random & random, size_t index);
struct Kind {
  const char * name;
  Draw draw;
  bool portable = true;  // ggml itself gives the same bytes on every CPU: it converts no float to an integer that cannot hold it
};

constexpr Kind VALUES[] = {
    {"weights", [](Random & r, size_t) { return 0.0625f * r.bell(); }},
    {"outliers", [](Random & r, size_t) { return r.one_in(256) ? 32 * r.bell() : r.bell(); }},
    {"few levels", [](Random & r, size_t) { return std::round(8 * r.bell()) * 0.25f; }},
    {"scales far apart", [](Random & r, size_t i) { const float scale = r.anew(i, r.power(-20, 4)); return scale * r.bell(); }},
    {"one sign", [](Random & r, size_t) { return 0.125f + r.unit(); }},
    {"nearly constant", [](Random & r, size_t) { return -1 + 0x1p-20f * r.bell(); }},
    {"constants", [](Random & r, size_t i) { return r.anew(i, r.one_in(3) ? 0.0f : r.bell()); }},
    {"sparse", [](Random & r, size_t i) { return i / 16 % 3 != 0 && r.one_in(8) ? r.bell() : 0.0f; }},
    {"signed zeros", [](Random & r, size_t) { return r.one_in(2) ? 0.0f : -0.0f; }},
    {"denormals", [](Random & r, size_t) { return r.power(-149, -120); }, false},
    {"around the smallest scale", [](Random & r, size_t) { return r.power(-56, -44); }},
    {"every magnitude", [](Random & r, size_t) { return r.power(-100, 100); }, false},
    {"any bits", [](Random & r, size_t) { return r.bits(); }, false},
    {"a NaN here and there", [](Random & r, size_t) { return r.one_in(512) ? NAN : r.bell(); }, false},
    {"zeros and infinities", [](Random & r, size_t) { return r.one_in(64) ? (r.one_in(2) ? INFINITY : -INFINITY) : 0.0f; }, false},
};

constexpr Kind IMPORTANCE[] = {
    {"activations", [](Random & r, size_t) { return 0x1p-10f + r.unit() * r.unit(); }},
    {"zero columns", [](Random & r, size_t i) { return i / 32 % 2 == 1 && r.one_in(2) ? r.unit() : 0.0f; }},
    {"every magnitude", [](Random & r, size_t) { return std::fabs(r.power(-100, 100)); }, false},
    {"any bits", [](Random & r, size_t) { return r.bits(); }, false},
};

std::vector<float> draw(Random & random, const Kind & kind, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = kind.draw(random, i);
  return values;
}

// FNV-1a.
void mix(uint64_t & digest, const std::vector<uint8_t> & bytes) {
  for (const uint8_t byte : bytes) digest = (digest ^ byte) * 0x100000001b3;
}

}  // namespace

// The argument is the number of rounds, each with new numbers; one without it.
int main(int argc, char ** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1;
  std::printf("against ggml:");
  for (const auto & [name, isa] : ISA_NAMES) {
    if (isa != Isa::ggml && isa_runs_here(isa)) std::printf(" %s", name);
  }
  std::printf("\n");
  Random random;
  size_t total = 0;
  for (const Kind & kind : VALUES) {
    uint64_t digest = 0xcbf29ce484222325;
    for (int round = 0; round < rounds; ++round) {
      for (const ggml_type type : KERNEL_TYPES) {
        const int64_t cols = ggml_blck_size(type) * (1 + random.word() % 3), rows = 1 + random.word() % 40;
        Rows set{type, cols, draw(random, kind, rows * cols), {}};
        const auto plain = compare(set);
        if (kind.portable) mix(digest, plain);
        total += set.values.size();
        for (const Kind & importance : IMPORTANCE) {
          set.importance = draw(random, importance, cols);
          const auto weighted = compare(set);
          if (kind.portable && importance.portable) mix(digest, weighted);
          total += set.values.size();
        }
      }
    }
    std::printf("%-26s same", kind.name);
    if (kind.portable) std::printf("  %016llx", static_cast<unsigned long long>(digest));
    std::printf("\n");
    std::fflush(stdout);
  }
  std::printf("%zu values: every byte the same\n", total);
}
