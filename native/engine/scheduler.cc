#include "engine/scheduler.h"

#include <algorithm>
#include <chrono>

namespace tara {

namespace {

// Prompt tokens in a round: alone, and beside slots that generate (whose next token waits for the round).
constexpr size_t PROMPT_ALONE = 256;
constexpr size_t PROMPT_BESIDE = 64;
// Rows of logits for scoring in a round; a row is the vocabulary's size.
constexpr size_t SCORE_ROWS = 64;
// Rounds that a set of adapters keeps while another waits: a change costs about as much as a round.
constexpr size_t ADAPTER_ROUNDS = 8;

ContextOptions options_for(size_t context, size_t slots) {
  ContextOptions options;
  options.tokens = static_cast<uint32_t>(context * slots);
  options.sequences = static_cast<uint32_t>(slots);
  options.batch = static_cast<uint32_t>(PROMPT_ALONE + slots);
  options.outputs = static_cast<uint32_t>(SCORE_ROWS + slots);
  return options;
}

}  // namespace

Scheduler::Scheduler(std::shared_ptr<Weights> weights, size_t context, size_t slots, Threads & threads, const std::atomic<bool> & closing, Stats & stats)
    : context_tokens_(context), closing_(closing), stats_(stats), context_(std::move(weights), options_for(context, slots), threads, [this] { return all_cancelled(); }),
      window_(llama_model_n_swa(context_.weights().model)),
      copies_(!llama_model_is_recurrent(context_.weights().model) && !llama_model_is_hybrid(context_.weights().model)) {
  for (size_t id = 0; id < slots; ++id) slots_.push_back({static_cast<llama_seq_id>(id)});
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

// The source itself when the sequence goes on from all it holds; else the free slot that was left longest ago, so that
// what others left stays.
Scheduler::Slot & Scheduler::slot_for(const Slot * source, size_t shared) {
  Slot * oldest = nullptr;
  for (auto & slot : slots_) {
    if (slot.sequence) continue;
    if (&slot == source && (shared == slot.held() || !copies_)) return slot;
    const auto age = [](const Slot & free) { return free.left.empty() ? 0 : free.freed; };
    if (oldest == nullptr || age(slot) < age(*oldest)) oldest = &slot;
  }
  return *oldest;
}

// Makes the slot hold the first `shared` tokens of the source, or nothing; returns how many it holds then.
size_t Scheduler::take_over(Slot & slot, const Slot * source, size_t shared) {
  auto * memory = context_.memory();
  if (source == nullptr || (&slot != source && !copies_)) shared = 0;
  // Models with a sliding window keep no keys from before it.
  if (shared > 0) {
    const llama_pos oldest = std::max<llama_pos>(0, static_cast<llama_pos>(shared) - window_);
    if (window_ > 0 && llama_memory_seq_pos_min(memory, source->id) > oldest) shared = 0;
  }
  if (shared > 0 && &slot == source) return truncate(slot, shared) ? shared : 0;
  forget(slot);
  if (shared > 0) llama_memory_seq_cp(memory, source->id, slot.id, 0, static_cast<llama_pos>(shared));
  return shared;
}

void Scheduler::admit(SequencePtr sequence) {
  const size_t tokens = sequence->tokens.size();
  if (tokens > context_tokens_) {
    sequence->job->fail({"TARA_CONTEXT_FULL", {{"tokens", tokens}, {"limit", context_tokens_}}});
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

// False when they held nothing.
bool Scheduler::forget_free_slots() {
  bool found = false;
  for (auto & slot : slots_) {
    if (slot.sequence || slot.left.empty()) continue;
    forget(slot);
    found = true;
  }
  return found;
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
  auto & sequence = *slot.sequence;
  count = feedable(slot, count);
  if (count > 0 && std::find(fed_.begin(), fed_.end(), &slot) == fed_.end()) fed_.push_back(&slot);
  if (count > 0) slot.sound = false;
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

void Scheduler::build() {
  batch_.clear();
  outputs_.clear();
  fed_.clear();
  std::vector<Slot *> prompts;
  for (auto & slot : slots_) {
    if (!slot.sequence || slot.sequence->adapters != adapters_) continue;
    if (slot.sequence->pending() == 1) feed(slot, 1);
    else prompts.push_back(&slot);
  }
  if (prompts.empty()) return;
  std::rotate(prompts.begin(), prompts.begin() + static_cast<std::ptrdiff_t>(turn_++ % prompts.size()), prompts.end());
  const size_t budget = batch_.size() == 0 ? PROMPT_ALONE : PROMPT_BESIDE;
  const size_t share = std::max<size_t>(1, budget / prompts.size());
  const auto left = [&, before = static_cast<size_t>(batch_.size())] { return budget - std::min(budget, static_cast<size_t>(batch_.size()) - before); };
  for (auto * slot : prompts) feed(*slot, std::min(share, left()));
  // What short prompts left over goes to the others, in turn.
  for (auto * slot : prompts) feed(*slot, left());
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
    const auto started = std::chrono::steady_clock::now();
    const auto outcome = context_.decode(batch_.view(from, count));
    ++stats_.decodes;
    stats_.busy_us += static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started).count());
    if (outcome == Context::Outcome::aborted) return;  // everybody in the batch is cancelled: the next sweep frees the slots
    if (outcome == Context::Outcome::no_room) {
      if (forget_free_slots()) continue;
      if (count == 1) throw Error("TARA_DECODE_FAILED", {{"reason", "the context found no room for a token"}});
      step = count / 2;
      continue;
    }
    for (; next < outputs_.size() && outputs_[next].entry < from + count; ++next) deliver(outputs_[next], outputs_[next].entry - from);
    from += count;
  }
  for (auto * slot : fed_) slot->sound = true;
}

void Scheduler::round() {
  sweep_cancelled();
  choose_adapters();
  build();
  if (batch_.size() == 0) return;
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

}  // namespace tara
