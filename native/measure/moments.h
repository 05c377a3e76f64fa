// What feed-forward networks compute inside, as moments over a text: enough to say which of their channels can go, and
// what the weight that reads them should then be.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "env/environment.h"
#include "measure/fusion.h"

namespace tara::measure {

// The inner channels of one layer.
struct Channels {
  std::string tensor;  // the weight that reads them
  int layer = 0;
  size_t size = 0;     // channels
  size_t rows = 0;     // of the weight
  Input input;         // mean of x x^T
  // [rows, size]: mean of d x^T, d = what the next layer adds to the residual stream; all 0 for the last layer.
  std::vector<float> next;
  // Mean of 1 - cos between the residual stream before and after the layer (Men et al. 2024, "ShortGPT"); of layers from 1 on.
  double influence = 0;
};

class Moments : public Object {
 public:
  explicit Moments(std::vector<Channels> layers) : layers(std::move(layers)) {}
  void close() noexcept override {}

  std::vector<Channels> layers;
  // One job at a time works on them.
  std::atomic<bool> busy{false};
};

}  // namespace tara::measure
