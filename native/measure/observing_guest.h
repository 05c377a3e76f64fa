// Reads texts with a runner's model, in a context of its own, and looks at what its graphs compute.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "engine/context.h"
#include "engine/guest.h"
#include "engine/vocab.h"

namespace tara::measure {

// Each text is read by itself. Progress { done, total } in tokens.
class ObservingGuest : public Guest {
 public:
  bool step() final;

 protected:
  ObservingGuest(JobPtr job, std::vector<Tokens> texts);

  // A context of `tokens` positions, read at most `batch` at once. Comes last in begin().
  void open(const Lodging & lodging, size_t tokens, size_t batch);

  // Asked for every node before it is computed.
  virtual bool wants(const ggml_tensor * node) = 0;
  // A wanted node, computed. False ends the graph.
  virtual bool take(const ggml_tensor * node) = 0;
  virtual void begin_graph() = 0;
  virtual void end_graph() {}
  // All texts are read: ends the job.
  virtual void finish() = 0;

  // The file's name of a weight, wherever it was copied to.
  static std::string weight_name(const ggml_tensor * weight);
  // The data of a tensor; `staged` holds it where it lies on another device.
  static const char * on_host(const ggml_tensor * tensor, std::vector<char> & staged);

  const std::vector<Tokens> texts_;
  const size_t total_;  // tokens

 private:
  static bool on_node(ggml_tensor * node, bool ask, void * self) noexcept;

  std::unique_ptr<Context> context_;
  Batch batch_;
  size_t text_ = 0;
  size_t fed_ = 0;
  size_t done_ = 0;
  std::exception_ptr failure_;  // must not pass through ggml
};

}  // namespace tara::measure
