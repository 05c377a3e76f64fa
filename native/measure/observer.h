// Reads a domain's texts with a runner's model and adds the inputs of the fusion's matrices to its moments.
#pragma once

#include <exception>
#include <unordered_map>

#include "engine/context.h"
#include "engine/guest.h"
#include "engine/vocab.h"
#include "measure/fusion.h"

namespace tara::measure {

struct Reading {
  std::vector<Tokens> texts;
  size_t domain = 0;
  double weight = 1;  // how much the domain's moments count
};

// Ends with { tokens }; progress { done, total } in tokens.
class Observer : public Guest {
 public:
  // Throws TARA_INTERNAL when another job works on the fusion.
  Observer(JobPtr job, std::shared_ptr<Fusion> fusion, Reading reading);

  void begin(const Lodging & lodging) override;
  bool step() override;

 private:
  static bool on_node(ggml_tensor * node, bool ask, void * self) noexcept;
  Matrix * wanted(const ggml_tensor * node);
  void take(Matrix & matrix, const ggml_tensor * inputs);

  Occupied occupied_;
  Fusion & fusion_;
  const Reading reading_;
  std::unordered_map<std::string, Matrix *> by_tensor_;
  Threads * threads_ = nullptr;
  std::unique_ptr<Context> context_;
  Batch batch_;
  size_t text_ = 0;
  size_t fed_ = 0;
  size_t done_ = 0;
  size_t total_ = 0;
  std::unordered_map<const ggml_tensor *, std::string> first_reader_;  // of each tensor of the graph under way
  std::vector<float> staged_;
  std::exception_ptr failure_;  // must not pass through ggml
};

}  // namespace tara::measure
