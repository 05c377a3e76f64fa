#include "measure/observer.h"

#include <algorithm>

#include "ggml.h"

namespace tara::measure {

namespace {
constexpr size_t CHUNK = 128;
}

Observer::Observer(JobPtr job, std::shared_ptr<Fusion> fusion, Reading reading)
    : ObservingGuest(std::move(job), std::move(reading.texts)), occupied_(std::move(fusion)), fusion_(*occupied_.fusion), domain_(reading.domain), weight_(reading.weight) {
  for (auto & matrix : fusion_.matrices) by_tensor_[matrix.tensor] = &matrix;
}

void Observer::begin(const Lodging & lodging) {
  size_t longest = 0;
  for (const auto & text : texts_) {
    check_tokens(*lodging.weights, text);
    if (text.empty()) throw Error("TARA_PROMPT_EMPTY");
    if (text.size() > lodging.context_tokens) throw Error("TARA_CONTEXT_FULL", {{"tokens", text.size()}, {"limit", lodging.context_tokens}});
    longest = std::max(longest, text.size());
  }
  threads_ = &lodging.threads;
  // An encoder reads a text at once.
  if (lodging.weights->causal()) open(lodging, lodging.context_tokens, std::min(CHUNK, lodging.context_tokens));
  else open(lodging, longest, longest);
}

Matrix * Observer::matrix_of(const ggml_tensor * node) {
  if (node->op != GGML_OP_MUL_MAT) return nullptr;
  const auto found = by_tensor_.find(weight_name(node->src[0]));
  if (found == by_tensor_.end()) return nullptr;
  const ggml_tensor * x = node->src[1];
  const bool plain = x->type == GGML_TYPE_F32 && ggml_is_contiguous(x) && x->ne[2] == 1 && x->ne[3] == 1;
  return plain && x->ne[0] == static_cast<int64_t>(found->second->size) ? found->second : nullptr;
}

bool Observer::wants(const ggml_tensor * node) { return matrix_of(node) != nullptr; }

bool Observer::take(const ggml_tensor * node) {
  Matrix & matrix = *matrix_of(node);
  const ggml_tensor * inputs = node->src[1];
  const auto [first, is_first] = first_reader_.emplace(inputs, matrix.tensor);
  const size_t index = fusion_.input_of(matrix, first->second);
  Input & input = fusion_.inputs[index];
  const auto tokens = static_cast<size_t>(inputs->ne[1]);
  const auto * x = reinterpret_cast<const float *>(on_host(inputs, staged_));
  const auto scale = static_cast<float>(weight_ / static_cast<double>(total_));
  const int threads = threads_->granted();
  if (is_first) {
    add_products(input, x, tokens, scale, threads);
    add_squares(input, domain_, x, tokens, scale);
  }
  for (auto & factor : matrix.factors) {
    if (factor.domain == domain_) add_cross(factor, input.size, x, tokens, scale, threads);
  }
  return true;
}

void Observer::begin_graph() { first_reader_.clear(); }

void Observer::finish() {
  occupied_.release();
  job->done({{"tokens", total_}});
}

}  // namespace tara::measure
