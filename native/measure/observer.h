// Reads a domain's texts with a runner's model and adds the inputs of the fusion's matrices to its moments.
#pragma once

#include <unordered_map>

#include "env/claim.h"
#include "measure/fusion.h"
#include "measure/observing_guest.h"

namespace tara::measure {

struct Reading {
  std::vector<Tokens> texts;
  size_t domain = 0;
  double weight = 1;  // how much the domain's moments count
};

// Ends with { tokens }.
class Observer : public ObservingGuest {
 public:
  // Throws TARA_INTERNAL when another job works on the fusion.
  Observer(JobPtr job, std::shared_ptr<Fusion> fusion, Reading reading);

  void begin(const Lodging & lodging) override;

 private:
  bool wants(const ggml_tensor * node) override;
  bool take(const ggml_tensor * node) override;
  void begin_graph() override;
  void finish() override;

  Claim<Fusion> claim_;
  Fusion & fusion_;
  const size_t domain_;
  const double weight_;
  std::unordered_map<std::string, Matrix *> by_tensor_;
  std::unordered_map<const ggml_tensor *, std::string> first_reader_;  // of each tensor of the graph under way
  std::vector<char> staged_;  // a copy from another device
};

}  // namespace tara::measure
