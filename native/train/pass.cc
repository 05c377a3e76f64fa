#include "train/pass.h"

#include <algorithm>

namespace tara::train {

namespace {

constexpr size_t HEAD_ROWS = 96;     // tokens whose logits are held at a time
constexpr size_t WEIGHT_ROWS = 240;  // rows of a matrix's gradient held at a time

float * at(float * gradient, ptrdiff_t offset) { return offset == NONE ? nullptr : gradient + offset; }

}  // namespace

void Pass::apply(const Matrix & matrix, const Vector & bias, const float * x, float * y, bool add) const {
  multiply({x, matrix.in, 1}, matrix.forward, y, matrix.out, tokens_, add);
  if (!bias.values.empty()) add_rows(y, bias.values.data(), tokens_, matrix.out);
}

void Pass::scale_gradient(const Matrix & matrix, const float * x, const float * dy, float * gradient) {
  const size_t blocks = matrix.row_blocks();
  const size_t size = matrix.in / blocks;
  row_.resize(matrix.in);
  weights_.resize(WEIGHT_ROWS * matrix.in);
  for (size_t first = 0; first < matrix.out; first += WEIGHT_ROWS) {
    const size_t rows = std::min(WEIGHT_ROWS, matrix.out - first);
    multiply({dy + first, 1, matrix.out}, x, matrix.in, weights_.data(), matrix.in, rows, matrix.in, tokens_, false);
    for (size_t i = 0; i < rows; ++i) {
      stored_row(matrix, first + i, row_.data());
      float * of_row = gradient + matrix.scales + (first + i) * blocks;
      for (size_t block = 0; block < blocks; ++block) of_row[block] += dot(&weights_[i * matrix.in + block * size], &row_[block * size], size);
    }
  }
}

// dB = dy^T (x A^T), dA = (dy B)^T x
void Pass::lora_gradient(const Matrix & matrix, const float * x, const float * dy, float * gradient) {
  const size_t rank = network_.wanted.rank;
  reduced_.resize(tokens_ * rank);
  lifted_.resize(tokens_ * rank);
  multiply({x, matrix.in, 1}, matrix.reduce, reduced_.data(), rank, tokens_, false);
  multiply({dy, matrix.out, 1}, network_.parameters.data() + matrix.lora_b, rank, lifted_.data(), rank, tokens_, rank, matrix.out, false);
  multiply({dy, 1, matrix.out}, reduced_.data(), rank, gradient + matrix.lora_b, rank, matrix.out, rank, tokens_, true);
  multiply({lifted_.data(), 1, rank}, x, matrix.in, gradient + matrix.lora_a, matrix.in, rank, matrix.in, tokens_, true);
}

void Pass::apply_backward(const Matrix & matrix, const float * x, const float * dy, float * dx, bool add, float * gradient) {
  if (matrix.scales != NONE) scale_gradient(matrix, x, dy, gradient);
  if (matrix.lora_a != NONE) lora_gradient(matrix, x, dy, gradient);
  multiply({dy, matrix.out, 1}, matrix.backward, dx, matrix.in, tokens_, add);
}

void Pass::forward_layer(const Layer & layer, Kept & kept, const Batch & batch) {
  const Shape & shape = network_.shape;
  const float epsilon = shape.epsilon;
  kept.x = x_;
  kept.q.resize(tokens_ * layer.q.out);
  kept.k.resize(tokens_ * layer.k.out);
  kept.v.resize(tokens_ * layer.v.out);
  kept.attended.resize(tokens_ * layer.o.in);
  kept.gate.resize(tokens_ * layer.gate.out);
  kept.up.resize(tokens_ * layer.up.out);
  normed_.resize(tokens_ * shape.width);
  rms_norm(kept.x.data(), network_.values(layer.attn_norm), epsilon, normed_.data(), tokens_, shape.width);
  apply(layer.q, layer.q_bias, normed_.data(), kept.q.data(), false);
  apply(layer.k, layer.k_bias, normed_.data(), kept.k.data(), false);
  apply(layer.v, layer.v_bias, normed_.data(), kept.v.data(), false);
  if (!layer.q_norm.values.empty()) {
    kept.q_raw = kept.q;
    kept.k_raw = kept.k;
    rms_norm(kept.q_raw.data(), network_.values(layer.q_norm), epsilon, kept.q.data(), tokens_ * shape.heads, shape.head);
    rms_norm(kept.k_raw.data(), network_.values(layer.k_norm), epsilon, kept.k.data(), tokens_ * shape.kv_heads, shape.head);
  }
  size_t first = 0;
  for (const size_t length : batch.lengths) {
    float * q = kept.q.data() + first * layer.q.out;
    float * k = kept.k.data() + first * layer.k.out;
    rotate(shape, rotation_, q, length, shape.heads, false);
    rotate(shape, rotation_, k, length, shape.kv_heads, false);
    attention(shape, q, k, kept.v.data() + first * layer.v.out, kept.attended.data() + first * layer.o.in, length, room_);
    first += length;
  }
  apply(layer.o, layer.o_bias, kept.attended.data(), x_.data(), true);
  kept.middle = x_;
  rms_norm(kept.middle.data(), network_.values(layer.ffn_norm), epsilon, normed_.data(), tokens_, shape.width);
  apply(layer.gate, {}, normed_.data(), kept.gate.data(), false);
  apply(layer.up, {}, normed_.data(), kept.up.data(), false);
  wide_.resize(kept.gate.size());
  swiglu(kept.gate.data(), kept.up.data(), wide_.data(), wide_.size());
  apply(layer.down, {}, wide_.data(), x_.data(), true);
}

void Pass::backward_layer(const Layer & layer, Kept & kept, const Batch & batch, float * gradient) {
  const Shape & shape = network_.shape;
  const float epsilon = shape.epsilon;
  d_normed_.resize(tokens_ * shape.width);
  wide_.resize(kept.gate.size());
  swiglu(kept.gate.data(), kept.up.data(), wide_.data(), wide_.size());
  std::vector<float> & d_wide = head_;
  d_wide.resize(wide_.size());
  apply_backward(layer.down, wide_.data(), x_.data(), d_wide.data(), false, gradient);
  swiglu_backward(kept.gate.data(), kept.up.data(), d_wide.data(), d_wide.size());
  rms_norm(kept.middle.data(), network_.values(layer.ffn_norm), epsilon, normed_.data(), tokens_, shape.width);
  apply_backward(layer.gate, normed_.data(), kept.gate.data(), d_normed_.data(), false, gradient);
  apply_backward(layer.up, normed_.data(), kept.up.data(), d_normed_.data(), true, gradient);
  rms_norm_backward(kept.middle.data(), network_.values(layer.ffn_norm), epsilon, d_normed_.data(), x_.data(), true, at(gradient, layer.ffn_norm.offset), tokens_, shape.width);

  d_attended_.resize(tokens_ * layer.o.in);
  dq_.resize(kept.q.size());
  dk_.resize(kept.k.size());
  dv_.resize(kept.v.size());
  apply_backward(layer.o, kept.attended.data(), x_.data(), d_attended_.data(), false, gradient);
  size_t first = 0;
  for (const size_t length : batch.lengths) {
    const size_t q = first * layer.q.out;
    const size_t k = first * layer.k.out;
    attention_backward(shape, &kept.q[q], &kept.k[k], &kept.v[k], &d_attended_[q], &dq_[q], &dk_[k], &dv_[k], length, room_);
    rotate(shape, rotation_, &dq_[q], length, shape.heads, true);
    rotate(shape, rotation_, &dk_[k], length, shape.kv_heads, true);
    first += length;
  }
  if (!layer.q_norm.values.empty()) {
    // The gradient takes the place of what it is computed from, a head at a time.
    std::vector<float> & dy = kept.attended;
    dy = dq_;
    rms_norm_backward(kept.q_raw.data(), network_.values(layer.q_norm), epsilon, dy.data(), dq_.data(), false, at(gradient, layer.q_norm.offset), tokens_ * shape.heads, shape.head);
    dy = dk_;
    rms_norm_backward(kept.k_raw.data(), network_.values(layer.k_norm), epsilon, dy.data(), dk_.data(), false, at(gradient, layer.k_norm.offset), tokens_ * shape.kv_heads, shape.head);
  }
  rms_norm(kept.x.data(), network_.values(layer.attn_norm), epsilon, normed_.data(), tokens_, shape.width);
  apply_backward(layer.q, normed_.data(), dq_.data(), d_normed_.data(), false, gradient);
  apply_backward(layer.k, normed_.data(), dk_.data(), d_normed_.data(), true, gradient);
  apply_backward(layer.v, normed_.data(), dv_.data(), d_normed_.data(), true, gradient);
  rms_norm_backward(kept.x.data(), network_.values(layer.attn_norm), epsilon, d_normed_.data(), x_.data(), true, at(gradient, layer.attn_norm.offset), tokens_, shape.width);
}

void Pass::forward(const Batch & batch, const std::atomic<bool> & cancelled, bool keep) {
  tokens_ = batch.tokens.size();
  const size_t width = network_.shape.width;
  const size_t longest = *std::max_element(batch.lengths.begin(), batch.lengths.end());
  if (rotation_.cosines.size() < longest * (network_.shape.rope_dims / 2)) rotation_ = rotation_of(network_.shape, longest);
  kept_.resize(keep ? network_.layers.size() : 1);
  x_.resize(tokens_ * width);
  for (size_t t = 0; t < tokens_; ++t) stored_row(network_.embedding, static_cast<size_t>(batch.tokens[t]), &x_[t * width]);
  for (size_t i = 0; i < network_.layers.size(); ++i) {
    if (cancelled) throw Error("TARA_ABORTED");
    forward_layer(network_.layers[i], kept_[keep ? i : 0], batch);
  }
}

void Pass::logits(const Batch & batch, const std::atomic<bool> & cancelled, const Rows & take) {
  forward(batch, cancelled, false);
  const Matrix & output = network_.output();
  const size_t width = network_.shape.width;
  normed_.resize(tokens_ * width);
  rms_norm(x_.data(), network_.values(network_.output_norm), network_.shape.epsilon, normed_.data(), tokens_, width);
  head_.resize(HEAD_ROWS * output.out);
  for (size_t first = 0; first < tokens_; first += HEAD_ROWS) {
    if (cancelled) throw Error("TARA_ABORTED");
    const size_t rows = std::min(HEAD_ROWS, tokens_ - first);
    multiply({&normed_[first * width], width, 1}, output.forward, head_.data(), output.out, rows, false);
    take(first, rows, head_.data());
  }
}

double Pass::divergence(const Batch & batch, const std::atomic<bool> & cancelled, float * gradient) {
  forward(batch, cancelled, gradient != nullptr);
  const Matrix & output = network_.output();
  const size_t width = network_.shape.width;
  const float * norm = network_.values(network_.output_norm);
  const float epsilon = network_.shape.epsilon;
  normed_.resize(tokens_ * width);
  rms_norm(x_.data(), norm, epsilon, normed_.data(), tokens_, width);
  d_normed_.resize(tokens_ * width);
  head_.resize(HEAD_ROWS * output.out);
  double sum = 0;
  for (size_t first = 0; first < tokens_; first += HEAD_ROWS) {
    if (cancelled) throw Error("TARA_ABORTED");
    const size_t rows = std::min(HEAD_ROWS, tokens_ - first);
    multiply({&normed_[first * width], width, 1}, output.forward, head_.data(), output.out, rows, false);
    for (size_t i = 0; i < rows; ++i) {
      float * row = &head_[i * output.out];
      softmax(row, output.out);
      sum += divergence_from(&batch.labels[(first + i) * batch.label_shape.words()], batch.label_shape, row, output.out);
    }
    if (gradient != nullptr) multiply({head_.data(), output.out, 1}, output.backward, &d_normed_[first * width], width, rows, false);
  }
  if (gradient == nullptr) return sum;
  last_ = x_;
  rms_norm_backward(last_.data(), norm, epsilon, d_normed_.data(), x_.data(), false, at(gradient, network_.output_norm.offset), tokens_, width);
  for (size_t i = network_.layers.size(); i-- > 0;) {
    if (cancelled) throw Error("TARA_ABORTED");
    backward_layer(network_.layers[i], kept_[i], batch, gradient);
  }
  return sum;
}

}  // namespace tara::train
