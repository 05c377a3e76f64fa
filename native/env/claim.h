// An object that one job at a time may work on.
#pragma once

#include <memory>

#include "error.h"

namespace tara {

// Holds the object, by its flag `busy`, until it is released or goes.
template <typename T>
class Claim {
 public:
  // Throws TARA_INTERNAL when another job has it.
  explicit Claim(std::shared_ptr<T> taken) : object(std::move(taken)) {
    if (object->busy.exchange(true)) throw Error("TARA_INTERNAL", {{"reason", "two jobs work on one object"}});
  }
  ~Claim() { release(); }
  Claim(const Claim &) = delete;
  // Before the job's end is told: the next one may start at once.
  void release() noexcept {
    if (held_) object->busy = false;
    held_ = false;
  }

  const std::shared_ptr<T> object;

 private:
  bool held_ = true;
};

}  // namespace tara
