// One open model: a native thread that owns the contexts and decodes for everybody who asks, and a desk for text.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/desk.h"
#include "engine/embedder.h"
#include "engine/guest.h"
#include "engine/queue.h"
#include "engine/scheduler.h"
#include "engine/sequence.h"
#include "env/environment.h"

namespace tara {

struct RunnerOptions {
  WeightsOptions weights;
  size_t context = 0;  // tokens for each slot, 0 = as many as the model was trained for, 4096 at most
  size_t slots = 1;
  size_t queued = 1024;  // sequences that may wait for a slot
  int threads = 0;     // 0 = every core
  bool deterministic = false;  // as in SlotOptions
};

// A text, or the tokens it would become.
struct Prompt {
  std::string text;
  Tokens tokens;
  bool tokenized = false;
  bool add_special = true;
  bool parse_special = false;
  std::vector<std::pair<std::string, float>> adapters;  // loaded ones that it is read with, and their scales
};

class Runner : public Object {
 public:
  ~Runner() override { close(); }

  // Starts the thread; the job ends with the model's facts, or with why it cannot be used.
  void open(JobPtr job, RunnerOptions options);

  void generate(JobPtr job, Prompt prompt, GenerationOptions options, Turn turn);
  void score(JobPtr job, Prompt prompt, size_t skip);
  // The keys and values of a prompt, as bytes; and such bytes back into a slot.
  void save(JobPtr job, Prompt prompt);
  void restore(JobPtr job, Prompt prompt, Blob state);
  void embed(JobPtr job, std::vector<Prompt> prompts, bool normalize, std::vector<size_t> blocks);
  // Guests are served in order of arrival, one at a time.
  void host(GuestPtr guest);
  // Ends with { tokens: count } and int32 ids.
  void tokenize(JobPtr job, Prompt prompt);
  // Ends with { bytes } and UTF-8.
  void detokenize(JobPtr job, Tokens tokens, bool special);

  // { slots, active, queued, requests, promptTokens, cachedTokens, completionTokens, decodes, busyMs }; any thread.
  Json stats();

  // Cancels all work; the job ends when everything is freed. Then close() does not wait.
  void close_soon(JobPtr job);
  void close() noexcept override;

 private:
  void main(JobPtr job, RunnerOptions options) noexcept;
  Json start(const JobPtr & job, const RunnerOptions & options);
  void work();
  bool wait_for_work();
  void admit();
  void serve_guest();
  void end(const Failure & failure) noexcept;

  // On the desk's thread.
  Tokens tokens_of(Prompt & prompt);
  Tokens checked_tokens_of(Prompt & prompt);
  void check_generates() const;
  void push(SequencePtr sequence, const Prompt & prompt, Turn turn);
  const Weights & weights() const;
  bool idle() const;

  std::mutex mutex_;
  std::condition_variable changed_;
  Queue waiting_;
  std::deque<EmbedRequest> waiting_embeds_;
  std::deque<GuestPtr> waiting_guests_;
  std::vector<JobPtr> closers_;
  bool ended_ = true;  // no thread runs
  std::atomic<bool> closing_{false};

  std::thread thread_;
  Desk desk_;
  // Set before the open job ends, reset by the thread when it ends; the desk is closed before that.
  std::shared_ptr<Weights> weights_;
  std::unique_ptr<Threads> threads_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Embedder> embedder_;
  GuestPtr guest_;  // the one being served
  size_t context_tokens_ = 0;
  size_t slots_ = 0;
  size_t queued_ = 0;
  Stats stats_;
};

}  // namespace tara
