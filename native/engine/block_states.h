// What enters blocks of a model, summed over the tokens of a text: the vectors that a block's query weights multiply.
#pragma once

#include <exception>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ggml.h"

namespace tara {

class BlockStates {
 public:
  // `width` = values of a token's vector; `path` = the model's file, for errors.
  BlockStates(size_t width, std::string path) : width_(width), path_(std::move(path)) {}

  // These blocks of the text to come; forgets the last one.
  void begin(const std::vector<size_t> & blocks);
  // Of each block that begin() named, once all `tokens` of the text are computed. Throws what looking at it met, and
  // TARA_MODEL_UNSUPPORTED for a block without query weights.
  std::vector<std::vector<double>> take(size_t tokens);

  // For ContextOptions: asked for every node, and shown those that are wanted.
  static bool on_node(ggml_tensor * node, bool ask, void * self) noexcept;

 private:
  struct Sum {
    size_t block;
    size_t size;  // values of a token's vector
    size_t tokens;
    std::vector<double> values;
  };

  void add(Sum & sum, const ggml_tensor * rows);

  const size_t width_;
  const std::string path_;
  std::vector<Sum> sums_;
  std::unordered_map<std::string, Sum *> by_weight_;
  std::vector<char> staged_;
  std::exception_ptr failure_;  // must not pass through ggml
};

}  // namespace tara
