#include "error.h"

#include <new>

namespace tara {

Failure current_failure() noexcept {
  try {
    throw;
  } catch (const Error & error) {
    return error.failure();
  } catch (const std::bad_alloc &) {
    return {"TARA_OUT_OF_MEMORY", {{"reason", "an allocation failed"}}};
  } catch (const std::exception & error) {
    return {"TARA_INTERNAL", {{"reason", error.what()}}};
  } catch (...) {
    return {"TARA_INTERNAL", {{"reason", "an unknown native exception"}}};
  }
}

}  // namespace tara
