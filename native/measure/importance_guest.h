// Reads texts with a runner's model and sums the importance of the weights that it multiplies.
#pragma once

#include <map>
#include <unordered_map>
#include <unordered_set>

#include "measure/importance.h"
#include "measure/observing_guest.h"

namespace tara::measure {

// Ends with { tokens, weights: [{ name, values, counts }] } and float32 sums, `values` of each weight in turn;
// weights that nothing was multiplied by are left out.
class ImportanceGuest : public ObservingGuest {
 public:
  // `weights`: names of the model's tensors that may be multiplied.
  ImportanceGuest(JobPtr job, const std::vector<std::string> & weights, std::vector<Tokens> texts);

  void begin(const Lodging & lodging) override;

 private:
  // What the last product of a graph reads and no product before it. Once it is known, graphs end there: all that
  // would follow is the head, a fifth of a small decoder's work.
  struct LastInput {
    size_t place = 0;  // of the node in the graph, from 1; 0 = not known
    std::string name;
    std::string weight;
  };

  bool wants(const ggml_tensor * node) override;
  bool take(const ggml_tensor * node) override;
  void begin_graph() override;
  void end_graph() override;
  void finish() override;
  bool is_last_input(const ggml_tensor * node) const;
  // Empty when it is no product of a wanted weight.
  std::string weight_of(const ggml_tensor * node) const;

  const std::unordered_set<std::string> weights_;
  std::map<std::string, Importance> found_;

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
};

}  // namespace tara::measure
