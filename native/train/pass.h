// Some sequences through the network and back, on the calling thread.
#pragma once

#include <functional>

#include "train/attention.h"
#include "train/ops.h"
#include "train/soft_labels.h"

namespace tara::train {

// Sequences one after the other, each seeing only itself.
struct Batch {
  std::vector<int32_t> tokens;
  std::vector<size_t> lengths;
  std::vector<uint32_t> labels;  // a row for each token; empty where there are none
  LabelShape label_shape;
};

class Pass {
 public:
  explicit Pass(const Network & network) : network_(network) {}

  // Logits of every token, rows at a time as they are made; they may be changed.
  using Rows = std::function<void(size_t first, size_t rows, float * logits)>;
  void logits(const Batch & batch, const std::atomic<bool> & cancelled, const Rows & take);

  // The sum over tokens of the divergence from the labels. Unless null, `gradient`, as long as the parameters, gets its
  // gradient added. Throws TARA_ABORTED between layers.
  double divergence(const Batch & batch, const std::atomic<bool> & cancelled, float * gradient);

 private:
  // What a layer's gradient is made of.
  struct Kept {
    std::vector<float> x, q, k, v, q_raw, k_raw, attended, middle, gate, up;
  };

  void forward(const Batch & batch, const std::atomic<bool> & cancelled, bool keep);
  void forward_layer(const Layer & layer, Kept & kept, const Batch & batch);
  void backward_layer(const Layer & layer, Kept & kept, const Batch & batch, float * gradient);
  void apply(const Matrix & matrix, const Vector & bias, const float * x, float * y, bool add) const;
  // dx (+)= dy W; the parameters of W get their gradient.
  void apply_backward(const Matrix & matrix, const float * x, const float * dy, float * dx, bool add, float * gradient);
  void scale_gradient(const Matrix & matrix, const float * x, const float * dy, float * gradient);
  void lora_gradient(const Matrix & matrix, const float * x, const float * dy, float * gradient);

  const Network & network_;
  size_t tokens_ = 0;
  Rotation rotation_;
  std::vector<Kept> kept_;
  std::vector<float> x_;     // what flows from layer to layer, then its gradient
  std::vector<float> last_;  // what the last norm read
  std::vector<float> normed_, wide_, d_normed_, d_attended_, dq_, dk_, dv_, head_;
  std::vector<float> reduced_, lifted_, weights_, row_;
  AttentionRoom room_;
};

}  // namespace tara::train
