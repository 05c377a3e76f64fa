#include "scan/finite.h"

#include <cstring>
#include <map>

#include "ggml.h"
#include "quant/clones.h"

namespace tara::scan {

namespace {

// A number is finite unless all bits of its exponent are set: then one more in the lowest of them carries into the sign's place.
template <typename Word>
inline Word carries(const Word * x, size_t n, Word exponent, Word lowest) {
  Word seen = 0;
  for (size_t i = 0; i < n; ++i) seen |= static_cast<Word>((x[i] & exponent) + lowest);
  return seen;
}

TARA_CLONES bool words64(const uint64_t * x, size_t n) { return carries<uint64_t>(x, n, 0x7ff0000000000000, 0x0010000000000000) >> 63 == 0; }
TARA_CLONES bool words32(const uint32_t * x, size_t n) { return carries<uint32_t>(x, n, 0x7f800000, 0x00800000) >> 31 == 0; }
TARA_CLONES bool words16(const uint16_t * x, size_t n, uint16_t exponent, uint16_t lowest) { return carries<uint16_t>(x, n, exponent, lowest) >> 15 == 0; }
TARA_CLONES bool words8(const uint8_t * x, size_t n, uint8_t exponent, uint8_t lowest) { return carries<uint8_t>(x, n, exponent, lowest) >> 7 == 0; }

// E8M0 has no sign: 255 alone is NaN.
TARA_CLONES bool powers(const uint8_t * x, size_t n) {
  uint8_t seen = 0;
  for (size_t i = 0; i < n; ++i) seen |= static_cast<uint8_t>(x[i] == 255);
  return seen == 0;
}

bool blocks(const Element & element, const uint8_t * at, size_t bytes) {
  uint32_t seen = 0;
  for (const uint8_t * end = at + bytes; at < end; at += element.bytes) {
    for (int i = 0; i < element.scales; ++i) {
      uint16_t half;
      std::memcpy(&half, at + element.scale + 2 * i, sizeof half);
      seen |= (half & 0x7c00u) + 0x0400u;
    }
  }
  return (seen & 0x8000u) == 0;
}

// Where the halves of a block lie: at its start, or at its end.
enum class Place { start, end };
struct Scales {
  ggml_type type;
  Place place;
  int count;
};
constexpr Scales SCALES[] = {
    {GGML_TYPE_Q4_0, Place::start, 1},   {GGML_TYPE_Q4_1, Place::start, 2},    {GGML_TYPE_Q5_0, Place::start, 1},   {GGML_TYPE_Q5_1, Place::start, 2},
    {GGML_TYPE_Q8_0, Place::start, 1},   {GGML_TYPE_Q2_K, Place::end, 2},      {GGML_TYPE_Q3_K, Place::end, 1},     {GGML_TYPE_Q4_K, Place::start, 2},
    {GGML_TYPE_Q5_K, Place::start, 2},   {GGML_TYPE_Q6_K, Place::end, 1},      {GGML_TYPE_IQ4_NL, Place::start, 1}, {GGML_TYPE_IQ4_XS, Place::start, 1},
    {GGML_TYPE_IQ3_S, Place::start, 1},  {GGML_TYPE_IQ3_XXS, Place::start, 1}, {GGML_TYPE_IQ2_S, Place::start, 1},  {GGML_TYPE_IQ2_XS, Place::start, 1},
    {GGML_TYPE_IQ2_XXS, Place::start, 1}, {GGML_TYPE_IQ1_S, Place::start, 1},  {GGML_TYPE_TQ1_0, Place::end, 1},    {GGML_TYPE_TQ2_0, Place::end, 1},
};

std::map<std::string, Element> make_elements() {
  using Kind = Element::Kind;
  std::map<std::string, Element> elements = {
      {"F64", {Kind::f64, 8}},          {"F32", {Kind::f32, 4}},          {"C64", {Kind::f32, 4}},          {"F16", {Kind::f16, 2}},
      {"BF16", {Kind::bf16, 2}},        {"F8_E5M2", {Kind::f8_e5m2, 1}},  {"F8_E4M3", {Kind::f8_e4m3, 1}},  {"F8_E8M0", {Kind::f8_e8m0, 1}},
  };
  for (const auto & [type, place, count] : SCALES) {
    std::string name = ggml_type_name(type);
    for (char & letter : name) letter = static_cast<char>(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
    const size_t bytes = ggml_type_size(type);
    elements[name] = {Kind::block, bytes, place == Place::start ? 0 : bytes - 2 * static_cast<size_t>(count), count};
  }
  return elements;
}

}  // namespace

bool element_of(const std::string & type, Element & element) {
  static const auto * elements = new std::map<std::string, Element>(make_elements());
  const auto found = elements->find(type);
  if (found == elements->end()) return false;
  element = found->second;
  return true;
}

bool all_finite(const Element & element, const void * data, size_t bytes) {
  using Kind = Element::Kind;
  const auto * octets = static_cast<const uint8_t *>(data);
  const auto * words = static_cast<const uint16_t *>(data);
  switch (element.kind) {
    case Kind::f64: return words64(static_cast<const uint64_t *>(data), bytes / 8);
    case Kind::f32: return words32(static_cast<const uint32_t *>(data), bytes / 4);
    case Kind::f16: return words16(words, bytes / 2, 0x7c00, 0x0400);
    case Kind::bf16: return words16(words, bytes / 2, 0x7f80, 0x0080);
    case Kind::f8_e5m2: return words8(octets, bytes, 0x7c, 0x04);
    case Kind::f8_e4m3: return words8(octets, bytes, 0x7f, 0x01);  // no infinities: NaN is every bit but the sign
    case Kind::f8_e8m0: return powers(octets, bytes);
    case Kind::block: return blocks(element, octets, bytes);
  }
  return true;
}

}  // namespace tara::scan
