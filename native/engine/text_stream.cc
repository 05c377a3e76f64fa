#include "engine/text_stream.h"

#include <algorithm>

namespace tara {

size_t unfinished_utf8(const char * text, size_t length) {
  for (size_t back = 1; back <= std::min<size_t>(3, length); ++back) {
    const auto byte = static_cast<unsigned char>(text[length - back]);
    if ((byte & 0xc0) == 0x80) continue;
    const size_t needs = byte >= 0xf0 && byte <= 0xf4 ? 4 : byte >= 0xe0 && byte < 0xf0 ? 3 : byte >= 0xc2 && byte < 0xe0 ? 2 : 1;
    return needs > back ? back : 0;
  }
  return 0;
}

size_t TextStream::held_for_stop() const {
  size_t held = 0;
  for (const auto & stop : stops_) {
    for (size_t length = std::min(stop.size() - 1, waiting_.size()); length > held; --length) {
      if (waiting_.compare(waiting_.size() - length, length, stop, 0, length) == 0) held = length;
    }
  }
  return held;
}

std::string TextStream::add(const std::string & piece) {
  waiting_ += piece;
  size_t at = std::string::npos;
  for (const auto & stop : stops_) {
    const size_t found = waiting_.find(stop);
    if (found < at) {
      at = found;
      stopped_by_ = stop;
    }
  }
  if (at != std::string::npos) {
    std::string shown = waiting_.substr(0, at);
    waiting_.clear();
    return shown;
  }
  size_t ready = waiting_.size() - held_for_stop();
  ready -= unfinished_utf8(waiting_.data(), ready);
  std::string shown = waiting_.substr(0, ready);
  waiting_.erase(0, ready);
  return shown;
}

std::string TextStream::flush() {
  std::string shown;
  shown.swap(waiting_);
  return shown;
}

}  // namespace tara
