#include "measure/importance_guest.h"

#include <algorithm>
#include <cstring>

#include "ggml-backend.h"

namespace tara::measure {

namespace {

constexpr size_t BATCH = 512;

// On other devices a weight is called CUDA0#blk.0.attn_k.weight#0.
std::string plain_name(const char * name) {
  const char * begin = std::strchr(name, '#');
  if (begin == nullptr) return name;
  const char * end = std::strchr(++begin, '#');
  return end == nullptr ? begin : std::string(begin, end);
}

}  // namespace

ImportanceGuest::ImportanceGuest(JobPtr job, const std::vector<std::string> & weights, std::vector<Tokens> texts)
    : Guest(std::move(job)), weights_(weights.begin(), weights.end()), texts_(std::move(texts)) {
  for (const auto & text : texts_) total_ += text.size();
}

void ImportanceGuest::begin(const Lodging & lodging) {
  size_t longest = 0;
  for (const auto & text : texts_) {
    check_tokens(*lodging.weights, text);
    longest = std::max(longest, text.size());
  }
  if (longest > lodging.context_tokens) throw Error("TARA_CONTEXT_FULL", {{"tokens", longest}, {"limit", lodging.context_tokens}});
  ContextOptions options;
  options.tokens = static_cast<uint32_t>(longest);
  // An encoder reads a text at once.
  options.batch = static_cast<uint32_t>(lodging.weights->causal() ? std::min(BATCH, longest) : longest);
  options.embeddings = true;
  options.pooling = LLAMA_POOLING_TYPE_NONE;
  options.observe = on_node;
  options.observer = this;
  context_ = std::make_unique<Context>(lodging.weights, options, lodging.threads, [this, &closing = lodging.closing] { return closing || job->cancelled(); });
}

bool ImportanceGuest::on_node(ggml_tensor * node, bool ask, void * self) noexcept {
  auto & guest = *static_cast<ImportanceGuest *>(self);
  try {
    return ask ? guest.wants(node) : guest.take(node);
  } catch (...) {
    guest.failure_ = std::current_exception();
    return false;
  }
}

std::string ImportanceGuest::weight_of(const ggml_tensor * node) const {
  if (node->op != GGML_OP_MUL_MAT && node->op != GGML_OP_MUL_MAT_ID) return "";
  const ggml_tensor * x = node->src[1];
  if (x->type != GGML_TYPE_F32 || x->nb[0] != sizeof(float)) return "";
  std::string name = plain_name(node->src[0]->name);
  return weights_.count(name) > 0 ? name : "";
}

bool ImportanceGuest::is_last_input(const ggml_tensor * node) const { return asked_ == last_.place && last_.name == node->name && node->type == GGML_TYPE_F32; }

bool ImportanceGuest::wants(const ggml_tensor * node) {
  ++asked_;
  if (failure_ || complete_) return false;
  if (last_.place == 0) places_[node] = asked_;
  return is_last_input(node) || !weight_of(node).empty();
}

const char * ImportanceGuest::on_host(const ggml_tensor * tensor, std::vector<char> & staged) const {
  const ggml_backend_buffer_t buffer = tensor->view_src != nullptr ? tensor->view_src->buffer : tensor->buffer;
  if (buffer == nullptr || ggml_backend_buffer_is_host(buffer)) return static_cast<const char *>(tensor->data);
  staged.resize(ggml_nbytes(tensor));
  ggml_backend_tensor_get(tensor, staged.data(), 0, staged.size());
  return staged.data();
}

// False ends the graph.
bool ImportanceGuest::take(const ggml_tensor * node) {
  if (is_last_input(node)) {
    add(found_[last_.weight], dense_importance(node, on_host(node, inputs_)), last_.weight);
    complete_ = true;
    return false;
  }
  const std::string weight = weight_of(node);
  const ggml_tensor *matrix = node->src[0], *x = node->src[1];
  const bool routed = node->op == GGML_OP_MUL_MAT_ID, flat = !routed && matrix->ne[2] == 1 && matrix->ne[3] == 1;
  if (!flat || x != shared_) {
    const char * data = on_host(x, inputs_);
    part_ = routed ? routed_importance(node, data, on_host(node->src[2], routes_)) : dense_importance(x, data, matrix->ne[2], matrix->ne[3]);
    shared_ = flat ? x : nullptr;
  }
  add(found_[weight], part_, weight);
  const auto place = places_.find(x);
  const bool alone = read_.insert(x).second;
  candidate_ = flat && alone && place != places_.end() ? LastInput{place->second, x->name, weight} : LastInput{};
  return true;
}

void ImportanceGuest::begin_graph() {
  asked_ = 0;
  complete_ = false;
  places_.clear();
  read_.clear();
  shared_ = nullptr;
  candidate_ = {};
}

void ImportanceGuest::end_graph() {
  if (!complete_) last_ = candidate_;
}

bool ImportanceGuest::step() {
  const Tokens & text = texts_[text_];
  const size_t count = std::min<size_t>(context_->batch_limit(), text.size() - fed_);
  batch_.clear();
  // The last layer computes only the tokens that something is wanted of.
  for (size_t i = 0; i < count; ++i) batch_.add(text[fed_ + i], static_cast<llama_pos>(fed_ + i), 0, true);
  begin_graph();
  const auto outcome = context_->decode(batch_.view(0, batch_.size()));
  if (failure_) std::rethrow_exception(failure_);
  if (outcome == Context::Outcome::aborted) return true;  // the runner sees why before the next step
  if (outcome == Context::Outcome::no_room) throw Error("TARA_DECODE_FAILED", {{"reason", "the context found no room"}});
  end_graph();
  fed_ += count;
  done_ += count;
  job->progress({{"done", done_}, {"total", total_}});
  if (fed_ < text.size()) return true;
  fed_ = 0;
  if (auto * memory = context_->memory(); memory != nullptr) llama_memory_clear(memory, false);
  if (++text_ < texts_.size()) return true;
  finish();
  return false;
}

void ImportanceGuest::finish() {
  Json weights = Json::array();
  std::vector<float> sums;
  for (const auto & [name, importance] : found_) {
    weights.push_back({{"name", name}, {"values", importance.sums.size()}, {"counts", importance.counts}});
    for (const double sum : importance.sums) sums.push_back(static_cast<float>(sum));
  }
  Blob blob(sums.size() * sizeof(float));
  if (!blob.empty()) std::memcpy(blob.data(), sums.data(), blob.size());
  job->done({{"tokens", total_}, {"weights", std::move(weights)}}, std::move(blob));
}

}  // namespace tara::measure
