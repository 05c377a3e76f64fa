#include "measure/observer.h"

#include <algorithm>
#include <cmath>

#include "ggml-backend.h"
#include "ggml.h"

namespace tara::measure {

namespace {
constexpr size_t CHUNK = 128;
}

Observer::Observer(JobPtr job, std::shared_ptr<Fusion> fusion, Reading reading)
    : Guest(std::move(job)), occupied_(std::move(fusion)), fusion_(*occupied_.fusion), reading_(std::move(reading)) {
  for (auto & matrix : fusion_.matrices) by_tensor_[matrix.tensor] = &matrix;
  for (const auto & text : reading_.texts) total_ += text.size();
}

void Observer::begin(const Lodging & lodging) {
  if (!lodging.weights->causal()) {
    throw Error("TARA_MODEL_UNSUPPORTED", {{"path", lodging.weights->path}, {"reason", "it is an encoder, and moments are measured of decoders"}});
  }
  for (const auto & text : reading_.texts) {
    check_tokens(*lodging.weights, text);
    if (text.empty()) throw Error("TARA_PROMPT_EMPTY");
    if (text.size() > lodging.context_tokens) throw Error("TARA_CONTEXT_FULL", {{"tokens", text.size()}, {"limit", lodging.context_tokens}});
  }
  ContextOptions options;
  options.tokens = static_cast<uint32_t>(lodging.context_tokens);
  options.batch = static_cast<uint32_t>(std::min(CHUNK, lodging.context_tokens));
  // No logits are wanted, but the last layer computes only the tokens that something is wanted of.
  options.embeddings = true;
  options.pooling = LLAMA_POOLING_TYPE_NONE;
  options.observe = on_node;
  options.observer = this;
  threads_ = &lodging.threads;
  context_ = std::make_unique<Context>(lodging.weights, options, lodging.threads, [this, &closing = lodging.closing] { return closing || job->cancelled(); });
}

Matrix * Observer::wanted(const ggml_tensor * node) {
  if (node->op != GGML_OP_MUL_MAT || failure_) return nullptr;
  const auto found = by_tensor_.find(node->src[0]->name);
  if (found == by_tensor_.end()) return nullptr;
  const ggml_tensor * x = node->src[1];
  const bool plain = x->type == GGML_TYPE_F32 && ggml_is_contiguous(x) && x->ne[2] == 1 && x->ne[3] == 1;
  return plain && x->ne[0] == static_cast<int64_t>(found->second->size) ? found->second : nullptr;
}

bool Observer::on_node(ggml_tensor * node, bool ask, void * self) noexcept {
  auto & observer = *static_cast<Observer *>(self);
  try {
    Matrix * matrix = observer.wanted(node);
    if (ask || matrix == nullptr) return matrix != nullptr;
    observer.take(*matrix, node->src[1]);
    return true;
  } catch (...) {
    observer.failure_ = std::current_exception();
    return false;
  }
}

void Observer::take(Matrix & matrix, const ggml_tensor * inputs) {
  const auto [first, is_first] = first_reader_.emplace(inputs, matrix.tensor);
  const size_t index = fusion_.input_of(matrix, first->second);
  Input & input = fusion_.inputs[index];
  const auto tokens = static_cast<size_t>(inputs->ne[1]);
  const auto * x = static_cast<const float *>(inputs->data);
  if (inputs->buffer != nullptr && !ggml_backend_buffer_is_host(inputs->buffer)) {
    staged_.resize(tokens * input.size);
    ggml_backend_tensor_get(inputs, staged_.data(), 0, staged_.size() * sizeof(float));
    x = staged_.data();
  }
  const auto scale = static_cast<float>(reading_.weight / static_cast<double>(total_));
  const int threads = threads_->granted();
  if (is_first) {
    add_products(input, x, tokens, scale, threads);
    add_squares(input, reading_.domain, x, tokens, scale);
  }
  for (auto & factor : matrix.factors) {
    if (factor.domain == reading_.domain) add_cross(factor, input.size, x, tokens, scale, threads);
  }
}

bool Observer::step() {
  const Tokens & text = reading_.texts[text_];
  const size_t count = std::min(CHUNK, text.size() - fed_);
  batch_.clear();
  first_reader_.clear();
  for (size_t i = 0; i < count; ++i) batch_.add(text[fed_ + i], static_cast<llama_pos>(fed_ + i), 0, true);
  const auto outcome = context_->decode(batch_.view(0, batch_.size()));
  if (failure_) std::rethrow_exception(failure_);
  if (outcome == Context::Outcome::aborted) return true;  // the runner sees why before the next step
  if (outcome == Context::Outcome::no_room) throw Error("TARA_DECODE_FAILED", {{"reason", "the context found no room"}});
  fed_ += count;
  done_ += count;
  job->progress({{"done", done_}, {"total", total_}});
  if (fed_ < text.size()) return true;
  fed_ = 0;
  if (auto * memory = context_->memory(); memory != nullptr) llama_memory_clear(memory, false);
  if (++text_ < reading_.texts.size()) return true;
  occupied_.release();
  job->done({{"tokens", total_}});
  return false;
}

}  // namespace tara::measure
