#include "engine/weights.h"

#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "engine/huge_pages.h"
#include "engine/threads.h"
#include "env/log.h"

namespace tara {

namespace {

struct Entry {
  std::weak_ptr<Weights> weights;
  bool loading = false;
  float ratio = 0;
};

struct Cache {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, Entry> entries;

  void forget_expired() {
    for (auto entry = entries.begin(); entry != entries.end();) {
      entry = !entry->second.loading && entry->second.weights.expired() ? entries.erase(entry) : std::next(entry);
    }
  }
};

Cache & cache() {
  static auto * all = new Cache();  // outlives static destructors, as threads may
  return *all;
}

// What tells a file from another, or from its own earlier content.
std::string identity(const std::string & path) {
  std::error_code error;
  const auto file = std::filesystem::u8path(path);
  const auto size = std::filesystem::file_size(file, error);
  if (error) throw Error("TARA_FILE_NOT_FOUND", {{"path", path}});
  const auto time = std::filesystem::last_write_time(file, error).time_since_epoch().count();
  std::string text = std::to_string(size) + ":" + std::to_string(time);
#ifdef _WIN32
  return text + ":" + std::filesystem::weakly_canonical(file, error).u8string();
#else
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) throw Error("TARA_FILE_NOT_FOUND", {{"path", path}});
  return text + ":" + std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
#endif
}

struct LoadState {
  const JobPtr & job;
  const std::function<void(float)> & progress;
  SingleShare share;
};

bool on_load_progress(float ratio, void * data) {
  auto & state = *static_cast<LoadState *>(data);
  if (state.job->cancelled()) return false;
  state.share.renew();
  state.progress(ratio);
  return true;
}

// Refuses what would reach an assertion of llama.cpp later.
void check_supported(const Weights & weights) {
  const auto refuse = [&](const char * reason) { throw Error("TARA_MODEL_UNSUPPORTED", {{"path", weights.path}, {"reason", reason}}); };
  if (llama_model_has_encoder(weights.model)) refuse("encoder-decoder models are not supported");
  if (llama_model_is_diffusion(weights.model)) refuse("diffusion models are not supported");
  const auto * vocab = weights.vocab;
  const auto type = llama_vocab_type(vocab);
  const int32_t tokens = llama_vocab_n_tokens(vocab);
  if (type == LLAMA_VOCAB_TYPE_NONE || tokens <= 0) refuse("it has no vocabulary");
  const auto missing = [&](llama_token token) { return token < 0 || token >= tokens; };
  if (llama_vocab_get_add_bos(vocab) && missing(llama_vocab_bos(vocab))) refuse("it wants a start token but names none");
  if (llama_vocab_get_add_eos(vocab) && missing(llama_vocab_eos(vocab))) refuse("it wants an end token but names none");
  if (type == LLAMA_VOCAB_TYPE_WPM && (missing(llama_vocab_bos(vocab)) || missing(llama_vocab_sep(vocab)))) {
    refuse("its WordPiece vocabulary has no class or separator token");
  }
}

}  // namespace

Weights::Weights(std::string path, llama_model * model) : path(std::move(path)), model(model), vocab(llama_model_get_vocab(model)) {}

Weights::~Weights() { llama_model_free(model); }

std::string Weights::meta(const std::string & key) const {
  std::vector<char> buffer(256);
  const int32_t length = llama_model_meta_val_str(model, key.c_str(), buffer.data(), buffer.size());
  if (length < 0) return {};
  if (static_cast<size_t>(length) >= buffer.size()) {
    buffer.resize(static_cast<size_t>(length) + 1);
    llama_model_meta_val_str(model, key.c_str(), buffer.data(), buffer.size());
  }
  return std::string(buffer.data(), static_cast<size_t>(length));
}

std::string Weights::arch_meta(const std::string & key) const { return meta(meta("general.architecture") + "." + key); }

std::shared_ptr<Weights> Weights::read(const WeightsOptions & options, const JobPtr & job, const std::function<void(float)> & progress) {
  LogCapture log;
  LoadState state{job, progress, {}};
  llama_model_params params = llama_model_default_params();
  params.load_mode = options.mmap ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
  params.n_gpu_layers = options.gpu_layers;
  params.progress_callback = on_load_progress;
  params.progress_callback_user_data = &state;
  // WordPiece texts arrive with case and accents as the model wants them; llama.cpp's own tables strip too much.
  llama_model_kv_override plain[3] = {};
  std::strcpy(plain[0].key, "tokenizer.ggml.normalizer.lowercase");
  std::strcpy(plain[1].key, "tokenizer.ggml.normalizer.strip_accents");
  plain[0].tag = plain[1].tag = LLAMA_KV_OVERRIDE_TYPE_BOOL;
  params.kv_overrides = plain;
  const auto mapped_before = large_mappings();
  llama_model * model = llama_model_load_from_file(options.path.c_str(), params);
  job->check();
  if (model == nullptr) throw Error("TARA_MODEL_LOAD", {{"path", options.path}, {"reason", log.reason("llama.cpp gives no reason")}});
  auto weights = std::shared_ptr<Weights>(new Weights(options.path, model));
  check_supported(*weights);
  weights->read_adapters(options.adapters);
  gather_huge_pages(mapped_before);
  return weights;
}

void Weights::read_adapters(const std::map<std::string, std::string> & files) {
  for (const auto & [name, file] : files) {
    LogCapture log;
    auto * adapter = llama_adapter_lora_init(model, file.c_str());
    if (adapter == nullptr) throw Error("TARA_MODEL_LOAD", {{"path", file}, {"reason", log.reason("llama.cpp gives no reason")}});
    adapters_[name] = adapter;
  }
}

AdapterUse Weights::adapters(const std::vector<std::pair<std::string, float>> & wanted) const {
  AdapterUse use;
  for (const auto & [name, scale] : wanted) {
    const auto found = adapters_.find(name);
    if (found == adapters_.end()) throw Error("TARA_OPTION_INVALID", {{"option", "adapters"}, {"reason", "the model was loaded without an adapter " + name}});
    if (scale != 0) use.push_back({found->second, scale});
  }
  std::sort(use.begin(), use.end());
  return use;
}

std::shared_ptr<Weights> Weights::load(const WeightsOptions & options, const JobPtr & job) {
  auto & all = cache();
  const auto files = [&] {
    std::string identities = identity(options.path);
    for (const auto & [name, adapter] : options.adapters) identities += "\n" + name + "=" + identity(adapter);
    return identities;
  };
  const std::string file = files();
  const std::string key = file + (options.mmap ? ":mmap:" : ":read:") + std::to_string(options.gpu_layers);
  job->on_cancel([&all] {
    std::lock_guard<std::mutex> lock(all.mutex);
    all.changed.notify_all();
  });
  {
    std::unique_lock<std::mutex> lock(all.mutex);
    all.forget_expired();
    for (;;) {
      job->check();
      auto & entry = all.entries[key];
      if (auto found = entry.weights.lock()) return found;
      if (!entry.loading) {
        entry.loading = true;
        entry.ratio = 0;
        break;
      }
      job->progress({{"ratio", entry.ratio}});
      all.changed.wait(lock);
    }
  }
  const auto leave = [&](const std::shared_ptr<Weights> & loaded) {
    std::lock_guard<std::mutex> lock(all.mutex);
    auto & entry = all.entries[key];
    entry.loading = false;
    entry.weights = loaded;
    all.changed.notify_all();
  };
  try {
    auto weights = read(options, job, [&](float ratio) {
      job->progress({{"ratio", ratio}});
      std::lock_guard<std::mutex> lock(all.mutex);
      all.entries[key].ratio = ratio;
      all.changed.notify_all();
    });
    if (files() != file) throw Error("TARA_FILE_CHANGED", {{"path", options.path}});
    leave(weights);
    return weights;
  } catch (...) {
    leave(nullptr);
    throw;
  }
}

size_t loaded_weights() {
  auto & all = cache();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.forget_expired();
  return all.entries.size();
}

}  // namespace tara
