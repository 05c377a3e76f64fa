#include "engine/scheduler.h"

#include <algorithm>

namespace tara {

namespace {

// How long a round may read prompts, since those that generate wait for it: longer where more wait for their first token
// than have one, up to a most that also bounds how long who comes next waits for the round.
constexpr double READING_MS = 100;
constexpr double READING_MOST_MS = 600;
// Prompt tokens in a round; below the least a graph run reads weights for little.
constexpr size_t PROMPT_LEAST = 16;
constexpr size_t PROMPT_MOST = 512;
// Until a decode has told what a token takes.
constexpr double PROMPT_TOKEN_MS = 2;
// How much of what a token takes the last decode tells.
constexpr double NEWS = 0.25;
// Prompt tokens in a decode of a deterministic scheduler: llama.cpp's own micro-batch, for the same rounding.
constexpr size_t PROMPT_APART = 512;
// Rows of logits for scoring in a round; a row is the vocabulary's size.
constexpr size_t SCORE_ROWS = 64;
// A beginning is copied from another slot from this share of a context on.
constexpr size_t COPY_SHARE = 64;
// The share of a round's prompt tokens that the prompt which asked first gets, whatever came after it.
constexpr size_t FIRST_SHARE = 4;
// Rounds that a set of adapters keeps while another waits: a change costs about as much as a round.
constexpr size_t ADAPTER_ROUNDS = 8;

ContextOptions context_options(const SlotOptions & slots) {
  ContextOptions options;
  options.tokens = static_cast<uint32_t>(slots.context * slots.slots);
  options.sequences = static_cast<uint32_t>(slots.slots);
  options.batch = static_cast<uint32_t>(slots.deterministic ? PROMPT_APART : PROMPT_MOST + slots.slots);
  options.outputs = static_cast<uint32_t>(SCORE_ROWS + slots.slots);
  return options;
}

}  // namespace

Scheduler::Scheduler(std::shared_ptr<Weights> weights, const SlotOptions & options, Threads & threads, const std::atomic<bool> & closing, Stats & stats)
    : options_(options), closing_(closing), stats_(stats), context_(std::move(weights), context_options(options), threads, [this] { return all_cancelled(); }),
      window_(llama_model_n_swa(context_.weights().model)),
      copies_(!llama_model_is_recurrent(context_.weights().model) && !llama_model_is_hybrid(context_.weights().model)),
      prompt_token_ms_(PROMPT_TOKEN_MS) {
  for (size_t id = 0; id < options.slots; ++id) slots_.push_back({static_cast<llama_seq_id>(id)});
}

bool Scheduler::idle() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const Slot & slot) { return !slot.sequence; });
}

bool Scheduler::has_free_slot() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot & slot) { return !slot.sequence; });
}

bool Scheduler::all_cancelled() const {
  return closing_ || std::all_of(fed_.begin(), fed_.end(), [](const Slot * slot) { return slot->sequence->job->cancelled(); });
}

// The slot that holds the longest beginning of the sequence's tokens; one that is at work will do.
const Scheduler::Slot * Scheduler::longest_beginning(const Sequence & sequence, size_t & shared) const {
  const Slot * source = nullptr;
  shared = 0;
  // Keys from another sequence were computed in other batches.
  if (options_.deterministic) return source;
  for (const auto & slot : slots_) {
    if (!slot.sound || slot.adapters != sequence.adapters) continue;
    const size_t limit = std::min(slot.held(), sequence.reusable());
    const auto end = sequence.tokens.begin() + static_cast<std::ptrdiff_t>(limit);
    const auto same = static_cast<size_t>(std::mismatch(sequence.tokens.begin(), end, slot.tokens().begin()).first - sequence.tokens.begin());
    if (same <= shared) continue;
    shared = same;
    source = &slot;
  }
  return source;
}

// The source itself when the sequence goes on from all it holds; else a free slot. Who left longest ago is least likely to
// come back, and llama.cpp decodes neighbours in one graph run: of the half left longest ago, the one with most neighbours.
Scheduler::Slot & Scheduler::slot_for(const Slot * source, size_t shared) {
  std::vector<Slot *> free;
  for (auto & slot : slots_) {
    if (slot.sequence) continue;
    if (&slot == source && (shared == slot.held() || !copies_)) return slot;
    free.push_back(&slot);
  }
  const auto age = [](const Slot * slot) { return slot->left.empty() ? 0 : slot->freed; };
  std::stable_sort(free.begin(), free.end(), [&](const Slot * a, const Slot * b) { return age(a) < age(b); });
  free.resize((free.size() + 1) / 2);
  const auto neighbours = [this](const Slot * slot) {
    const auto at = static_cast<size_t>(slot->id);
    return (at > 0 && slots_[at - 1].sequence ? 1 : 0) + (at + 1 < slots_.size() && slots_[at + 1].sequence ? 1 : 0);
  };
  return **std::max_element(free.begin(), free.end(), [&](const Slot * a, const Slot * b) { return neighbours(a) < neighbours(b); });
}

// Makes the slot hold the first `shared` tokens of the source, or nothing; returns how many it holds then.
size_t Scheduler::take_over(Slot & slot, const Slot * source, size_t shared) {
  auto * memory = context_.memory();
  // What another slot holds is copied whole: a short beginning is read again sooner.
  if (source == nullptr || (&slot != source && (!copies_ || shared * COPY_SHARE < options_.context))) shared = 0;
  // Models with a sliding window keep no keys from before it.
  if (shared > 0) {
    const llama_pos oldest = std::max<llama_pos>(0, static_cast<llama_pos>(shared) - window_);
    if (window_ > 0 && llama_memory_seq_pos_min(memory, source->id) > oldest) shared = 0;
  }
  if (shared > 0 && &slot == source) return truncate(slot, shared) ? shared : 0;
  forget(slot);
  if (shared == 0 || !copy(*source, slot)) return 0;
  return truncate(slot, shared) ? shared : 0;
}

// By way of state bytes: llama.cpp's own copy waits for the next decode, when either slot may hold something else.
bool Scheduler::copy(const Slot & from, Slot & to) {
  auto * context = context_.get();
  Blob state(llama_state_seq_get_size(context, from.id));
  const size_t size = llama_state_seq_get_data(context, state.data(), state.size(), from.id);
  if (size > 0 && llama_state_seq_set_data(context, state.data(), size, to.id) == size) return true;
  forget(to);
  return false;
}

void Scheduler::admit(SequencePtr sequence) {
  const size_t tokens = sequence->tokens.size();
  if (tokens > options_.context) {
    sequence->job->fail({"TARA_CONTEXT_FULL", {{"tokens", tokens}, {"limit", options_.context}}});
    return;
  }
  size_t shared = 0;
  const Slot * source = longest_beginning(*sequence, shared);
  Slot & slot = slot_for(source, shared);
  sequence->fed = sequence->taken_over = take_over(slot, source, shared);
  stats_.cached_tokens += sequence->taken_over;
  ++stats_.requests;
  ++stats_.active;
  slot.left.clear();
  slot.sound = true;
  slot.adapters = sequence->adapters;
  slot.sequence = std::move(sequence);
  try {
    if (!slot.sequence->begin({context_.get(), slot.id})) free(slot)->end();
  } catch (...) {
    fail(slot, current_failure());
  }
}

bool Scheduler::truncate(Slot & slot, size_t tokens) {
  if (llama_memory_seq_rm(context_.memory(), slot.id, static_cast<llama_pos>(tokens), -1)) return true;
  forget(slot);
  return false;
}

void Scheduler::forget(Slot & slot) {
  context_.forget(slot.id);
  slot.left.clear();
  slot.sound = true;
}

SequencePtr Scheduler::free(Slot & slot) {
  SequencePtr sequence = std::move(slot.sequence);
  slot.freed = ++freed_;
  if (slot.sound) slot.left.assign(sequence->tokens.begin(), sequence->tokens.begin() + static_cast<std::ptrdiff_t>(sequence->fed));
  else forget(slot);
  --stats_.active;
  return sequence;
}

void Scheduler::fail(Slot & slot, const Failure & failure) {
  // What a failed decode left in the context is not known.
  if (failure.code != "TARA_ABORTED") slot.sound = false;
  free(slot)->job->fail(failure);
}

void Scheduler::fail_all(const Failure & failure) {
  for (auto & slot : slots_) {
    if (slot.sequence) fail(slot, slot.sequence->job->cancelled() ? Failure{"TARA_ABORTED"} : failure);
  }
}

void Scheduler::sweep_cancelled() {
  for (auto & slot : slots_) {
    if (slot.sequence && slot.sequence->job->cancelled()) fail(slot, {"TARA_ABORTED"});
  }
}

// How many of the next `count` tokens fit: the batch and its rows of logits are limited.
size_t Scheduler::feedable(const Slot & slot, size_t count) const {
  const auto & sequence = *slot.sequence;
  count = std::min({count, sequence.pending(), static_cast<size_t>(context_.batch_limit()) - static_cast<size_t>(batch_.size())});
  size_t rows = outputs_.size();
  for (size_t i = 0; i < count; ++i) {
    if (!sequence.needs(sequence.fed + i)) continue;
    if (rows == SCORE_ROWS + slots_.size()) return i;
    ++rows;
  }
  return count;
}

void Scheduler::feed(Slot & slot, size_t count) {
  if (count == 0) return;
  auto & sequence = *slot.sequence;
  count = feedable(slot, count);
  if (count == 0) return;
  fed_.push_back(&slot);
  slot.sound = false;
  for (size_t i = 0; i < count; ++i) {
    const size_t position = sequence.fed++;
    if (position < sequence.prompt) ++stats_.prompt_tokens;
    const bool wanted = sequence.needs(position);
    if (wanted) outputs_.push_back({batch_.size(), &slot, position});
    batch_.add(sequence.tokens[position], static_cast<llama_pos>(position), slot.id, wanted);
  }
}

void Scheduler::choose_adapters() {
  const Slot * longest = nullptr;
  bool kept = false;
  for (const auto & slot : slots_) {
    if (!slot.sequence) continue;
    kept = kept || slot.sequence->adapters == adapters_;
    if (longest == nullptr || slot.waited > longest->waited) longest = &slot;
  }
  if (longest != nullptr && (!kept || longest->waited >= ADAPTER_ROUNDS)) adapters_ = longest->sequence->adapters;
  for (auto & slot : slots_) slot.waited = slot.sequence && slot.sequence->adapters != adapters_ ? slot.waited + 1 : 0;
}

void Scheduler::start_batch() {
  batch_.clear();
  outputs_.clear();
  fed_.clear();
}

// The shortest first: it ends most waits soonest.
void Scheduler::share_out(std::vector<Slot *> prompts, size_t budget) {
  const auto give = [&budget](Slot & slot, size_t most) {
    const size_t count = std::min({most, budget, slot.sequence->pending() - slot.share});
    slot.share += count;
    budget -= count;
  };
  const auto asked_before = [](const Slot * a, const Slot * b) { return a->sequence->turn.asked < b->sequence->turn.asked; };
  const auto shorter = [](const Slot * a, const Slot * b) { return a->sequence->pending() < b->sequence->pending(); };
  give(**std::min_element(prompts.begin(), prompts.end(), asked_before), budget / FIRST_SHARE);
  std::stable_sort(prompts.begin(), prompts.end(), shorter);
  for (auto * slot : prompts) give(*slot, budget);
}

void Scheduler::build() {
  start_batch();
  std::vector<Slot *> prompts;
  size_t generating = 0;
  for (auto & slot : slots_) {
    slot.share = 0;
    if (!slot.sequence || slot.sequence->adapters != adapters_) continue;
    if (slot.sequence->pending() > 1) {
      prompts.push_back(&slot);
    } else {
      slot.share = 1;
      ++generating;
    }
  }
  if (!prompts.empty()) {
    const double ratio = static_cast<double>(prompts.size()) / static_cast<double>(generating);
    const double ms = std::min(READING_MOST_MS, READING_MS * std::max(1.0, ratio));
    share_out(std::move(prompts), static_cast<size_t>(std::clamp<double>(ms / prompt_token_ms_, PROMPT_LEAST, PROMPT_MOST)));
  }
  // In the order of their ids, as llama.cpp finds neighbours.
  for (auto & slot : slots_) feed(slot, slot.share);
}

void Scheduler::deliver(const Output & output, int32_t row) {
  auto & slot = *output.slot;
  // An earlier row of this batch may have ended it.
  if (!slot.sequence) return;
  try {
    float * logits = llama_get_logits_ith(context_.get(), row);
    if (logits == nullptr) throw Error("TARA_INTERNAL", {{"reason", "a decode gave no logits"}});
    auto & sequence = *slot.sequence;
    const size_t fed = sequence.fed;
    const size_t generated = sequence.generated;
    slot.sound = true;
    const bool goes_on = sequence.take(output.position, logits);
    stats_.completion_tokens += sequence.generated - generated;
    if (!goes_on) free(slot)->end();
    else if (sequence.fed < fed && !truncate(slot, sequence.fed)) sequence.fed = 0;
  } catch (...) {
    fail(slot, current_failure());
  }
}

void Scheduler::decode() {
  context_.use(adapters_);
  int32_t step = batch_.size();
  size_t next = 0;
  for (int32_t from = 0; from < batch_.size();) {
    const int32_t count = std::min(step, batch_.size() - from);
    const auto started = Clock::now();
    const auto outcome = context_.decode(batch_.view(from, count));
    ++stats_.decodes;
    const double ms = ms_between(started, Clock::now());
    stats_.busy_us += static_cast<uint64_t>(1000 * ms);
    if (outcome == Context::Outcome::done && count >= static_cast<int32_t>(PROMPT_LEAST)) prompt_token_ms_ += NEWS * (ms / count - prompt_token_ms_);
    if (outcome == Context::Outcome::aborted) return;  // everybody in the batch is cancelled: the next sweep frees the slots
    if (outcome == Context::Outcome::no_room) {
      if (count == 1) throw Error("TARA_DECODE_FAILED", {{"reason", "the context found no room for a token"}});
      step = count / 2;
      continue;
    }
    for (; next < outputs_.size() && outputs_[next].entry < from + count; ++next) deliver(outputs_[next], outputs_[next].entry - from);
    from += count;
  }
  for (auto * slot : fed_) slot->sound = true;
}

// Decodes the batch; what fails, fails for all in it.
void Scheduler::run() {
  try {
    decode();
  } catch (...) {
    const Failure failure = current_failure();
    for (auto * slot : fed_) {
      if (slot->sequence) fail(*slot, failure);
    }
  }
  fed_.clear();
}

void Scheduler::round_together() {
  build();
  if (batch_.size() > 0) run();
}

// A token of each slot that generates, then a part of one prompt.
void Scheduler::round_apart() {
  const auto run_alone = [this](Slot & slot) {
    start_batch();
    feed(slot, PROMPT_APART);
    run();
  };
  std::vector<Slot *> prompts;
  for (auto & slot : slots_) {
    if (!slot.sequence || slot.sequence->adapters != adapters_) continue;
    if (slot.sequence->pending() == 1) run_alone(slot);
    else prompts.push_back(&slot);
  }
  if (!prompts.empty()) run_alone(*prompts[turn_++ % prompts.size()]);
}

void Scheduler::round() {
  sweep_cancelled();
  choose_adapters();
  if (options_.deterministic) round_apart();
  else round_together();
}

}  // namespace tara
