#include "train/network.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "quant/codec.h"

namespace tara::train {

namespace {

// Where a block keeps the float16 numbers that all its values are proportional to.
struct ScaleFields {
  ggml_type type;
  std::vector<size_t> offsets;
};

// From ggml-common.h's block_q4_0 and so on: d, or d and m or dmin, first or last in the block.
const std::vector<ScaleFields> & scale_fields() {
  static const std::vector<ScaleFields> fields = {
      {GGML_TYPE_Q4_0, {0}}, {GGML_TYPE_Q4_1, {0, 2}}, {GGML_TYPE_Q5_0, {0}}, {GGML_TYPE_Q5_1, {0, 2}}, {GGML_TYPE_Q8_0, {0}},
      {GGML_TYPE_Q2_K, {80, 82}}, {GGML_TYPE_Q3_K, {108}}, {GGML_TYPE_Q4_K, {0, 2}}, {GGML_TYPE_Q5_K, {0, 2}}, {GGML_TYPE_Q6_K, {208}},
      {GGML_TYPE_IQ2_XXS, {0}}, {GGML_TYPE_IQ2_XS, {0}}, {GGML_TYPE_IQ2_S, {0}}, {GGML_TYPE_IQ3_XXS, {0}}, {GGML_TYPE_IQ3_S, {0}},
      {GGML_TYPE_IQ1_S, {0}}, {GGML_TYPE_IQ4_NL, {0}}, {GGML_TYPE_IQ4_XS, {0}}, {GGML_TYPE_TQ1_0, {52}}, {GGML_TYPE_TQ2_0, {64}},
  };
  return fields;
}

const ScaleFields * fields_of(ggml_type type) {
  const auto & all = scale_fields();
  const auto found = std::find_if(all.begin(), all.end(), [&](const ScaleFields & fields) { return fields.type == type; });
  return found == all.end() ? nullptr : &*found;
}

// Appends a section and gives its offset.
ptrdiff_t add_section(Network & network, const std::string & tensor, const char * part, Trained kind, size_t count) {
  const size_t offset = network.parameters.size();
  network.sections.push_back({tensor, part, kind, offset, count});
  network.parameters.resize(offset + count);
  return static_cast<ptrdiff_t>(offset);
}

void train_vector(Network & network, Vector & vector) {
  if (vector.values.empty()) return;
  vector.offset = add_section(network, vector.name, "norm", Trained::norm, vector.values.size());
  std::copy(vector.values.begin(), vector.values.end(), network.parameters.begin() + vector.offset);
}

void train_matrix(Network & network, Matrix & matrix, std::mt19937_64 & random) {
  const auto & wanted = network.wanted;
  if (wanted.scales && scalable(matrix.type)) {
    const size_t count = matrix.out * matrix.row_blocks();
    matrix.scales = add_section(network, matrix.name, "scale", Trained::scale, count);
    std::fill_n(network.parameters.begin() + matrix.scales, count, 1.0f);
  }
  if (wanted.rank == 0 || (wanted.rest && matrix.scales != NONE)) return;
  // As LoRA begins (Hu et al. 2021): A random, B zero. Uniform numbers, since the standard library's normal ones differ by platform.
  matrix.lora_a = add_section(network, matrix.name, "lora_a", Trained::lora, wanted.rank * matrix.in);
  matrix.lora_b = add_section(network, matrix.name, "lora_b", Trained::lora, matrix.out * wanted.rank);
  const double limit = std::sqrt(3.0 / static_cast<double>(matrix.in));
  for (size_t i = 0; i < wanted.rank * matrix.in; ++i) {
    network.parameters[static_cast<size_t>(matrix.lora_a) + i] = static_cast<float>(limit * (static_cast<double>(random() >> 11) * 0x1p-52 - 1));
  }
}

}  // namespace

std::vector<Matrix *> Network::matrices() {
  std::vector<Matrix *> all;
  for (auto & layer : layers) all.insert(all.end(), {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down});
  return all;
}

void begin_training(Network & network) {
  std::mt19937_64 random(network.wanted.seed);
  for (auto & layer : network.layers) {
    if (network.wanted.norms) {
      for (Vector * norm : {&layer.attn_norm, &layer.q_norm, &layer.k_norm, &layer.ffn_norm}) train_vector(network, *norm);
    }
    for (Matrix * matrix : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) train_matrix(network, *matrix, random);
  }
  if (network.wanted.norms) train_vector(network, network.output_norm);
  network.first_moments.assign(network.parameters.size(), 0);
  network.second_moments.assign(network.parameters.size(), 0);
}

void stored_row(const Matrix & matrix, size_t row, float * to) {
  quant::decode(matrix.type, matrix.stored.data() + row * matrix.row_bytes(), to, static_cast<int64_t>(matrix.in));
}

void trained_row(const Network & network, const Matrix & matrix, size_t row, float * to) {
  stored_row(matrix, row, to);
  const float * parameters = network.parameters.data();
  if (matrix.scales != NONE) {
    const size_t blocks = matrix.row_blocks();
    const size_t size = matrix.in / blocks;
    for (size_t block = 0; block < blocks; ++block) {
      const float scale = parameters[static_cast<size_t>(matrix.scales) + row * blocks + block];
      for (size_t i = 0; i < size; ++i) to[block * size + i] *= scale;
    }
  }
  if (matrix.lora_a != NONE) {
    const size_t rank = network.wanted.rank;
    multiply({parameters + matrix.lora_b + row * rank, rank, 1}, parameters + matrix.lora_a, matrix.in, to, matrix.in, 1, matrix.in, rank, true);
  }
}

void make_panels(Matrix & matrix, bool backward) {
  matrix.forward.resize(matrix.in, matrix.out);
  if (backward) matrix.backward.resize(matrix.out, matrix.in);
}

void refresh_rows(const Network & network, Matrix & matrix, size_t first) {
  const size_t rows = std::min(PANEL, matrix.out - first);
  std::vector<float> values(matrix.in);
  float * forward = matrix.forward.panel(first / PANEL);
  for (size_t i = 0; i < rows; ++i) {
    trained_row(network, matrix, first + i, values.data());
    for (size_t p = 0; p < matrix.in; ++p) forward[p * PANEL + i] = values[p];
    if (matrix.backward.data.empty()) continue;
    for (size_t j = 0; j < matrix.in; j += PANEL) {
      std::copy_n(&values[j], std::min(PANEL, matrix.in - j), matrix.backward.panel(j / PANEL) + (first + i) * PANEL);
    }
  }
}

void refresh_lora(const Network & network, Matrix & matrix) {
  if (matrix.lora_a == NONE) return;
  const size_t rank = network.wanted.rank;
  if (matrix.reduce.data.empty()) matrix.reduce.resize(matrix.in, rank);
  const float * a = network.parameters.data() + matrix.lora_a;
  for (size_t r = 0; r < rank; ++r) {
    float * panel = matrix.reduce.panel(r / PANEL) + r % PANEL;
    for (size_t p = 0; p < matrix.in; ++p) panel[p * PANEL] = a[r * matrix.in + p];
  }
}

bool scalable(ggml_type type) { return fields_of(type) != nullptr; }

std::vector<uint8_t> scaled(const Network & network, const Matrix & matrix) {
  const ScaleFields & fields = *fields_of(matrix.type);
  const size_t size = ggml_type_size(matrix.type);
  std::vector<uint8_t> bytes = matrix.stored;
  for (size_t block = 0; block * size < bytes.size(); ++block) {
    const float factor = network.parameters[static_cast<size_t>(matrix.scales) + block];
    for (const size_t offset : fields.offsets) {
      ggml_fp16_t half;
      std::memcpy(&half, &bytes[block * size + offset], sizeof half);
      half = ggml_fp32_to_fp16(ggml_fp16_to_fp32(half) * factor);
      std::memcpy(&bytes[block * size + offset], &half, sizeof half);
    }
  }
  return bytes;
}

}  // namespace tara::train
