// A decoder of Llama's family as training sees it: its shape, its tensors, and the numbers that are trained.
//
// Nothing but `parameters` changes. A matrix is W = s * Q + B A: Q as the file has it, s a factor for each quantization
// block (1 at first), B A of low rank (0 at first); what no section trains stays as it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "env/environment.h"
#include "ggml.h"
#include "train/products.h"

namespace tara::train {

struct Shape {
  size_t width = 0;
  size_t heads = 0;
  size_t kv_heads = 0;
  size_t head = 0;  // numbers of a head
  float epsilon = 0;
  float rope_base = 0;
  size_t rope_dims = 0;
  bool rope_halves = false;         // pairs are (i, i + dims / 2), not (2 i, 2 i + 1)
  std::vector<float> rope_factors;  // empty, or one for each pair: its frequency is divided by it
};

enum class Trained { norm, scale, lora };

// A stretch of the parameters. Bits of the file's tensor: a norm's weights, a matrix's factors row by row, A, B.
struct Section {
  std::string tensor;
  std::string part;  // norm, scale, lora_a, lora_b
  Trained kind;
  size_t offset;
  size_t count;
};

constexpr ptrdiff_t NONE = -1;

struct Matrix {
  std::string name;
  ggml_type type = GGML_TYPE_F32;
  size_t in = 0;
  size_t out = 0;
  std::vector<uint8_t> stored;
  ptrdiff_t scales = NONE;  // where its factors are among the parameters
  ptrdiff_t lora_a = NONE;  // [rank, in]
  ptrdiff_t lora_b = NONE;  // [out, rank]
  Panels forward;           // W^T: what inputs are multiplied by
  Panels backward;          // W: what gradients are multiplied by; empty where nothing is trained
  Panels reduce;            // A^T

  size_t row_bytes() const { return ggml_row_size(type, static_cast<int64_t>(in)); }
  size_t row_blocks() const { return in / ggml_blck_size(type); }
  bool trained() const { return scales != NONE || lora_a != NONE; }
};

// A norm or a bias; empty where the model has none.
struct Vector {
  std::string name;
  std::vector<float> values;
  ptrdiff_t offset = NONE;
};

struct Layer {
  Vector attn_norm, q_norm, k_norm, ffn_norm, q_bias, k_bias, v_bias, o_bias;
  Matrix q, k, v, o, gate, up, down;
};

struct Wanted {
  bool norms = false;
  bool scales = false;
  size_t rank = 0;    // of LoRA; 0 = none
  bool rest = false;  // LoRA where factors are not trained only
  uint64_t seed = 0;
  bool any() const { return norms || scales || rank > 0; }
};

class Network : public Object {
 public:
  void close() noexcept override {}

  Shape shape;
  Wanted wanted;
  std::vector<Layer> layers;
  Matrix embedding;
  Matrix head;  // without data where the embedding is the head
  Vector output_norm;

  std::vector<Section> sections;
  std::vector<float> parameters;
  std::vector<float> first_moments;
  std::vector<float> second_moments;
  uint64_t steps = 0;

  // One job at a time works on it.
  std::atomic<bool> busy{false};

  const Matrix & output() const { return head.stored.empty() ? embedding : head; }
  size_t vocabulary() const { return output().out; }
  const float * values(const Vector & vector) const { return vector.offset == NONE ? vector.values.data() : parameters.data() + vector.offset; }
  std::vector<Matrix *> matrices();  // of the layers
};

// Lays out the sections and sets parameters to where they begin.
void begin_training(Network & network);

// Row `row` of the stored matrix, and of the matrix as trained, in float32.
void stored_row(const Matrix & matrix, size_t row, float * to);
void trained_row(const Network & network, const Matrix & matrix, size_t row, float * to);

// Panels of 16 rows from `first` on, after parameters changed; different stretches may be made at once.
void refresh_rows(const Network & network, Matrix & matrix, size_t first);
// Allocates them.
void make_panels(Matrix & matrix, bool backward);
void refresh_lora(const Network & network, Matrix & matrix);

// Whether blocks of the type are proportional to float16 numbers in them, so that a factor of a block can be stored.
bool scalable(ggml_type type);
// The stored bytes with each block's factor in its scales.
std::vector<uint8_t> scaled(const Network & network, const Matrix & matrix);

}  // namespace tara::train
