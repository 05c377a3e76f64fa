// Reads texts with a runner's model and sums the importance of the weights that it multiplies.
#pragma once

#include <exception>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "engine/context.h"
#include "engine/guest.h"
#include "engine/vocab.h"
#include "measure/importance.h"

namespace tara::measure {

// Each text is read by itself. Ends with { tokens, weights: [{ name, values, counts }] } and float32 sums, `values` of each weight in turn;
// weights that nothing was multiplied by are left out. Progress { done, total } in tokens.
class ImportanceGuest : public Guest {
 public:
  // `weights`: names of the model's tensors that may be multiplied.
  ImportanceGuest(JobPtr job, const std::vector<std::string> & weights, std::vector<Tokens> texts);

  void begin(const Lodging & lodging) override;
  bool step() override;

 private:
  // What the last product of a graph reads and no product before it. Once it is known, graphs end there: all that
  // would follow is the head, a fifth of a small decoder's work.
  struct LastInput {
    size_t place = 0;  // of the node in the graph, from 1; 0 = not known
    std::string name;
    std::string weight;
  };

  static bool on_node(ggml_tensor * node, bool ask, void * self) noexcept;
  bool wants(const ggml_tensor * node);
  bool take(const ggml_tensor * node);
  bool is_last_input(const ggml_tensor * node) const;
  // Empty when it is no product of a wanted weight.
  std::string weight_of(const ggml_tensor * node) const;
  const char * on_host(const ggml_tensor * tensor, std::vector<char> & staged) const;
  void begin_graph();
  void end_graph();
  void finish();

  const std::unordered_set<std::string> weights_;
  const std::vector<Tokens> texts_;
  std::map<std::string, Importance> found_;
  std::unique_ptr<Context> context_;
  Batch batch_;
  size_t text_ = 0;
  size_t fed_ = 0;
  size_t done_ = 0;
  size_t total_ = 0;

  // The graph under way.
  size_t asked_ = 0;
  bool complete_ = false;
  std::unordered_map<const ggml_tensor *, size_t> places_;
  std::unordered_set<const ggml_tensor *> read_;
  LastInput candidate_;
  Importance part_;                       // of the product seen last
  const ggml_tensor * shared_ = nullptr;  // its inputs, where other weights may read them too

  LastInput last_;
  std::vector<char> inputs_, routes_;  // copies from other devices
  std::exception_ptr failure_;         // must not pass through ggml
};

}  // namespace tara::measure
