// SHA-256 (FIPS 180-4) of a stream, by the CPU's own instructions where it has them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tara::scan {

class Sha256 {
 public:
  // `portable` leaves the CPU's instructions alone, for tests.
  explicit Sha256(bool portable = false);

  void update(const void * bytes, size_t count);
  // Lower-case hex; the object is used up.
  std::string hex();

 private:
  using Compress = void (*)(uint32_t * state, const uint8_t * blocks, size_t count);

  Compress compress_;
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> block_;
  uint64_t total_ = 0;
};

}  // namespace tara::scan
