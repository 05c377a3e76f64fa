// Reads texts with a runner's model and sums the probability that it gives to each token of its vocabulary as the next one:
// how often it expects the token in such texts, whether they hold it or not.
#pragma once

#include "engine/context.h"
#include "engine/guest.h"
#include "engine/vocab.h"

namespace tara::measure {

// Ends with { tokens } and a double for each token of the vocabulary. Progress { done, total } in tokens.
class ExpectationGuest : public Guest {
 public:
  ExpectationGuest(JobPtr job, std::vector<Tokens> texts);

  void begin(const Lodging & lodging) override;
  bool step() override;

 private:
  void take_rows(size_t rows);

  const std::vector<Tokens> texts_;
  size_t total_ = 0;
  std::unique_ptr<Context> context_;
  Threads * threads_ = nullptr;
  Batch batch_;
  size_t text_ = 0, fed_ = 0, done_ = 0;  // `fed_` of the text under way, `done_` of all
  std::vector<double> sums_;
};

}  // namespace tara::measure
