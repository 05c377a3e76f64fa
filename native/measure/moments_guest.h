// Reads texts with a runner's model and adds what its feed-forward networks compute to their moments.
#pragma once

#include <unordered_map>

#include "env/claim.h"
#include "measure/moments.h"
#include "measure/observing_guest.h"

namespace tara::measure {

// Ends with { tokens, influence: of each layer }.
class MomentsGuest : public ObservingGuest {
 public:
  // Throws TARA_INTERNAL when another job works on the moments.
  MomentsGuest(JobPtr job, std::shared_ptr<Moments> moments, std::vector<Tokens> texts);

  void begin(const Lodging & lodging) override;

 private:
  bool wants(const ggml_tensor * node) override;
  bool take(const ggml_tensor * node) override;
  void begin_graph() override;
  void finish() override;
  // The number of the layer whose output this is, -1 for any other node.
  static int output_of(const ggml_tensor * node);
  void take_output(int layer, const ggml_tensor * node);

  Claim<Moments> claim_;
  const float scale_;  // of a token
  std::unordered_map<std::string, Channels *> by_tensor_;
  std::unordered_map<int, Channels *> by_layer_;
  // Of the layer under way: its inner channels, and the residual stream behind the one before.
  std::vector<float> inner_, before_inner_, stream_;
  int stream_layer_ = -1;
  std::vector<char> staged_;  // a copy from another device
};

}  // namespace tara::measure
