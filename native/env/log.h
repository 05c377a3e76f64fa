// llama.cpp's log: captured by the thread that asks for it (it says why a load failed only there), else kept in a ring.
#pragma once

#include <string>

namespace tara {

// Set once for the process; safe to call again.
void install_log();

// Collects warnings and errors logged on this thread while it lives.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture &) = delete;
  LogCapture & operator=(const LogCapture &) = delete;

  // The last line that says what went wrong, or `otherwise`.
  std::string reason(const std::string & otherwise) const;

 private:
  std::string text_;
  std::string * outer_;
};

// The last lines of every thread, oldest first.
std::string recent_log();

}  // namespace tara
