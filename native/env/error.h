// Failures as data: a code of src/errors.ts and the fields that fill its message.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace tara {

using Json = nlohmann::ordered_json;

struct Failure {
  std::string code;
  Json fields = Json::object();
};

// What a room throws; every thread entry turns it into the job's Failure.
class Error : public std::exception {
 public:
  Error(std::string code, Json fields = Json::object()) : failure_{std::move(code), std::move(fields)} {}
  const Failure & failure() const noexcept { return failure_; }
  const char * what() const noexcept override { return failure_.code.c_str(); }

 private:
  Failure failure_;
};

// The Failure of the exception in flight; call only inside a catch block.
Failure current_failure() noexcept;

}  // namespace tara
