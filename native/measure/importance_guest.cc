#include "measure/importance_guest.h"

#include <algorithm>
#include <cstring>

namespace tara::measure {

namespace {

constexpr size_t BATCH = 512;

}  // namespace

ImportanceGuest::ImportanceGuest(JobPtr job, const std::vector<std::string> & weights, std::vector<Tokens> texts)
    : ObservingGuest(std::move(job), std::move(texts)), weights_(weights.begin(), weights.end()) {}

void ImportanceGuest::begin(const Lodging & lodging) {
  const size_t most = longest(lodging);
  // An encoder reads a text at once.
  open(lodging, most, lodging.weights->causal() ? std::min(BATCH, most) : most);
}

std::string ImportanceGuest::weight_of(const ggml_tensor * node) const {
  if (node->op != GGML_OP_MUL_MAT && node->op != GGML_OP_MUL_MAT_ID) return "";
  const ggml_tensor * x = node->src[1];
  if (x->type != GGML_TYPE_F32 || x->nb[0] != sizeof(float)) return "";
  std::string name = weight_name(node->src[0]);
  return weights_.count(name) > 0 ? name : "";
}

bool ImportanceGuest::is_last_input(const ggml_tensor * node) const { return asked_ == last_.place && last_.name == node->name && node->type == GGML_TYPE_F32; }

bool ImportanceGuest::wants(const ggml_tensor * node) {
  ++asked_;
  if (complete_) return false;
  if (last_.place == 0) places_[node] = asked_;
  return is_last_input(node) || !weight_of(node).empty();
}

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
