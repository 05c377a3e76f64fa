#include "engine/block_states.h"

#include <utility>

#include "engine/nodes.h"
#include "env/error.h"

namespace tara {

void BlockStates::begin(const std::vector<size_t> & blocks) {
  sums_.clear();
  by_weight_.clear();
  failure_ = nullptr;
  for (const size_t block : blocks) sums_.push_back({block, width_, 0, std::vector<double>(width_)});
  for (Sum & sum : sums_) {
    const std::string prefix = "blk." + std::to_string(sum.block) + ".attn_q";
    by_weight_[prefix + ".weight"] = by_weight_[prefix + "kv.weight"] = &sum;
  }
}

std::vector<std::vector<double>> BlockStates::take(size_t tokens) {
  if (failure_) std::rethrow_exception(failure_);
  std::vector<std::vector<double>> taken;
  for (auto & sum : sums_) {
    if (sum.tokens != tokens) throw Error("TARA_MODEL_UNSUPPORTED", {{"path", path_}, {"reason", "nothing shows what enters its block " + std::to_string(sum.block)}});
    taken.push_back(std::move(sum.values));
  }
  return taken;
}

void BlockStates::add(Sum & sum, const ggml_tensor * rows) {
  const auto * row = reinterpret_cast<const float *>(on_host(rows, staged_));
  const auto count = static_cast<size_t>(rows->ne[1]);
  for (size_t t = 0; t < count; ++t, row += sum.size) {
    for (size_t d = 0; d < sum.size; ++d) sum.values[d] += row[d];
  }
  sum.tokens += count;
}

bool BlockStates::on_node(ggml_tensor * node, bool ask, void * self) noexcept {
  auto & states = *static_cast<BlockStates *>(self);
  try {
    auto * sum = kept_of(states.by_weight_, node);
    if (!ask && sum != nullptr) states.add(*sum, node->src[1]);
    return sum != nullptr;
  } catch (...) {
    states.failure_ = std::current_exception();
    return false;
  }
}

}  // namespace tara
