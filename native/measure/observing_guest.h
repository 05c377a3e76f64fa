// Reads texts with a runner's model and looks at what its graphs compute.
#pragma once

#include <exception>
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

 private:
  static bool on_node(ggml_tensor * node, bool ask, void * self) noexcept;

  Context::Outcome decode(const llama_batch & batch) final;
  void after_batch(size_t) final { end_graph(); }

  std::exception_ptr failure_;  // must not pass through ggml
};

}  // namespace tara::measure
