#include "log.h"

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>

#include "ggml.h"
#include "llama.h"

namespace tara {

namespace {

constexpr size_t RING_LINES = 200;
constexpr size_t CAPTURE_BYTES = 64 * 1024;

thread_local std::string * capture = nullptr;

struct Ring {
  std::mutex mutex;
  std::deque<std::string> lines;
};

Ring & ring() {
  static auto * ring = new Ring();
  return *ring;
}

bool echo() {
  static const bool on = std::getenv("TARA_LLAMA_LOG") != nullptr;
  return on;
}

void on_log(ggml_log_level level, const char * text, void *) {
  if (echo()) std::fputs(text, stderr);
  const bool matters = level == GGML_LOG_LEVEL_ERROR || level == GGML_LOG_LEVEL_WARN || level == GGML_LOG_LEVEL_CONT;
  if (!matters) return;
  if (capture != nullptr && capture->size() < CAPTURE_BYTES) capture->append(text);
  auto & kept = ring();
  std::lock_guard<std::mutex> lock(kept.mutex);
  kept.lines.emplace_back(text);
  if (kept.lines.size() > RING_LINES) kept.lines.pop_front();
}

}  // namespace

void install_log() {
  static std::once_flag once;
  std::call_once(once, [] { llama_log_set(on_log, nullptr); });
}

LogCapture::LogCapture() : outer_(capture) { capture = &text_; }

LogCapture::~LogCapture() { capture = outer_; }

std::string LogCapture::reason(const std::string & otherwise) const {
  std::string best;
  size_t start = 0;
  while (start < text_.size()) {
    size_t end = text_.find('\n', start);
    if (end == std::string::npos) end = text_.size();
    std::string line = text_.substr(start, end - start);
    const bool says_why = line.find("error") != std::string::npos || line.find("fail") != std::string::npos ||
                          line.find("invalid") != std::string::npos || line.find("missing") != std::string::npos;
    // The first failure is the cause; what follows only passes it on.
    if (says_why && best.empty()) best = std::move(line);
    start = end + 1;
  }
  return best.empty() ? otherwise : best;
}

std::string recent_log() {
  auto & kept = ring();
  std::lock_guard<std::mutex> lock(kept.mutex);
  std::string text;
  for (const auto & line : kept.lines) text += line;
  return text;
}

}  // namespace tara
