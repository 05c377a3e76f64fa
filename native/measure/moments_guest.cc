#include "measure/moments_guest.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "ggml.h"

namespace tara::measure {

namespace {

constexpr size_t CHUNK = 128;
constexpr const char * OUTPUT = "l_out-";  // as llama.cpp calls the residual stream behind a layer

double cosine(const float * a, const float * b, size_t size) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < size; ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 1;
}

}  // namespace

MomentsGuest::MomentsGuest(JobPtr job, std::shared_ptr<Moments> moments, std::vector<Tokens> texts)
    : ObservingGuest(std::move(job), std::move(texts)), claim_(std::move(moments)), scale_(1.0f / static_cast<float>(total_)) {
  for (auto & layer : claim_.object->layers) {
    by_tensor_[layer.tensor] = &layer;
    by_layer_[layer.layer] = &layer;
  }
}

void MomentsGuest::begin(const Lodging & lodging) {
  if (!lodging.weights->causal()) {
    throw Error("TARA_MODEL_UNSUPPORTED", {{"path", lodging.weights->path}, {"reason", "it is an encoder, and moments are measured of decoders"}});
  }
  longest(lodging);
  open(lodging, lodging.context_tokens, std::min(CHUNK, lodging.context_tokens));
}

int MomentsGuest::output_of(const ggml_tensor * node) {
  const size_t length = std::strlen(OUTPUT);
  if (std::strncmp(node->name, OUTPUT, length) != 0 || node->type != GGML_TYPE_F32 || !ggml_is_contiguous(node)) return -1;
  return std::atoi(node->name + length);
}

bool MomentsGuest::wants(const ggml_tensor * node) { return output_of(node) >= 0 || kept_of(by_tensor_, node) != nullptr; }

void MomentsGuest::take_output(int layer, const ggml_tensor * node) {
  const auto size = static_cast<size_t>(node->ne[0]);
  const auto tokens = static_cast<size_t>(ggml_nrows(node));
  const auto * now = reinterpret_cast<const float *>(on_host(node, staged_));
  const bool follows = layer == stream_layer_ + 1 && stream_.size() == size * tokens;
  if (const auto own = by_layer_.find(layer); follows && layer > 0 && own != by_layer_.end()) {
    for (size_t t = 0; t < tokens; ++t) own->second->influence += scale_ * (1 - cosine(&stream_[t * size], now + t * size, size));
  }
  if (const auto before = by_layer_.find(layer - 1); follows && before != by_layer_.end() && before_inner_.size() == before->second->size * tokens && before->second->rows == size) {
    std::vector<float> added(stream_.size());
    for (size_t i = 0; i < added.size(); ++i) added[i] = now[i] - stream_[i];
    add_outer(before->second->next.data(), added.data(), size, before_inner_.data(), before->second->size, tokens, scale_, threads());
  }
  stream_.assign(now, now + size * tokens);
  stream_layer_ = layer;
  before_inner_.swap(inner_);
  inner_.clear();
}

bool MomentsGuest::take(const ggml_tensor * node) {
  if (const int layer = output_of(node); layer >= 0) {
    take_output(layer, node);
    return true;
  }
  Channels & channels = *kept_of(by_tensor_, node);
  const ggml_tensor * inputs = node->src[1];
  const auto tokens = static_cast<size_t>(inputs->ne[1]);
  const auto * x = reinterpret_cast<const float *>(on_host(inputs, staged_));
  add_products(channels.input, x, tokens, scale_, threads());
  inner_.assign(x, x + channels.size * tokens);
  return true;
}

void MomentsGuest::begin_graph() {
  stream_layer_ = -1;
  stream_.clear();
  inner_.clear();
  before_inner_.clear();
}

void MomentsGuest::finish() {
  Json influence = Json::array();
  for (const auto & layer : claim_.object->layers) influence.push_back(layer.influence);
  claim_.release();
  job->done({{"tokens", total_}, {"influence", std::move(influence)}});
}

}  // namespace tara::measure
