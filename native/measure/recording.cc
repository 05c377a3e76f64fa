#include "measure/recording.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "env/error.h"

namespace tara::measure {

Recording::~Recording() {
  if (fd_ >= 0) ::close(fd_);
}

void Recording::fail(int error) const {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) throw Error("TARA_DISK_FULL", {{"path", work_file_}, {"needed", rows * row_bytes()}});
  if (error == EEXIST) throw Error("TARA_FILE_EXISTS", {{"path", work_file_}});
  throw Error("TARA_WRITE_FAILED", {{"path", work_file_}, {"reason", std::strerror(error)}});
}

void Recording::open() {
  if (!heads_.empty()) return;
  if (work_file_.empty()) {
    memory_.reset(new uint16_t[rows * vocabulary]);
  } else {
    fd_ = ::open(work_file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd_ < 0) fail(errno);
    if (unlink(work_file_.c_str()) != 0) fail(errno);
    const auto bytes = static_cast<off_t>(rows * row_bytes());
#ifdef __linux__
    int result;
    do {
      result = fallocate(fd_, 0, 0, bytes);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS) fail(errno);
#else
    if (ftruncate(fd_, bytes) != 0) fail(errno);
#endif
  }
  heads_.resize(rows);
}

void Recording::write(size_t row, const float * logits, const Softmax & softmax, Codes & buffer) {
  buffer.resize(memory_ ? 0 : vocabulary);
  uint16_t * codes = memory_ ? &memory_[row * vocabulary] : buffer.data();
  heads_[row] = {quantize_row(logits, softmax, vocabulary, codes), softmax.top_token};
  if (memory_) return;
  const auto * at = reinterpret_cast<const char *>(codes);
  for (size_t done = 0; done < row_bytes();) {
    const ssize_t put = pwrite(fd_, at + done, row_bytes() - done, static_cast<off_t>(row * row_bytes() + done));
    if (put < 0 && errno != EINTR) fail(errno);
    if (put > 0) done += static_cast<size_t>(put);
  }
}

Recording::Compared Recording::compare(size_t row, const float * logits, const Softmax & softmax, Codes & buffer) const {
  const uint16_t * codes = memory_ ? &memory_[row * vocabulary] : nullptr;
  if (!memory_) {
    buffer.resize(vocabulary);
    auto * at = reinterpret_cast<char *>(buffer.data());
    for (size_t done = 0; done < row_bytes();) {
      const ssize_t got = pread(fd_, at + done, row_bytes() - done, static_cast<off_t>(row * row_bytes() + done));
      if (got == 0 || (got < 0 && errno != EINTR)) {
        throw Error("TARA_FILE_UNREADABLE", {{"path", work_file_}, {"reason", got == 0 ? "it ends early" : std::strerror(errno)}});
      }
      if (got > 0) done += static_cast<size_t>(got);
    }
    codes = buffer.data();
  }
  const Row & head = heads_[row];
  return {divergence(codes, head.steps, logits, softmax, vocabulary), head.top_token == softmax.top_token};
}

}  // namespace tara::measure
