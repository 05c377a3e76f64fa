// Reads texts with a runner's model and looks at what its graphs compute.
#pragma once

#include <exception>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/nodes.h"
#include "measure/reading_guest.h"

namespace tara::measure {

class ObservingGuest : public ReadingGuest {
 protected:
  ObservingGuest(JobPtr job, std::vector<Tokens> texts) : ReadingGuest(std::move(job), std::move(texts)) {}

  // A context of `tokens` positions, read at most `batch` at once. Comes last in begin().
  void open(const Lodging & lodging, size_t tokens, size_t batch);

  // Asked for every node before it is computed.
  virtual bool wants(const ggml_tensor * node) = 0;
  // A wanted node, computed. False ends the graph.
  virtual bool take(const ggml_tensor * node) = 0;
  virtual void begin_graph() = 0;
  virtual void end_graph() {}

  // What is kept, by weight, of one that a node multiplies plain rows of `size` values by; null for any other node.
  template <typename Kept>
  static Kept * kept_of(const std::unordered_map<std::string, Kept *> & by_weight, const ggml_tensor * node) {
    if (node->op != GGML_OP_MUL_MAT) return nullptr;
    const auto found = by_weight.find(weight_name(node->src[0]));
    return found != by_weight.end() && is_plain(node->src[1], found->second->size) ? found->second : nullptr;
  }

 private:
  static bool on_node(ggml_tensor * node, bool ask, void * self) noexcept;

  Context::Outcome decode(const llama_batch & batch) final;
  void after_batch(size_t) final { end_graph(); }

  std::exception_ptr failure_;  // must not pass through ggml
};

}  // namespace tara::measure
