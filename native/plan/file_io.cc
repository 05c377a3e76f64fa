#include "plan/file_io.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

#include "env/error.h"

namespace tara::plan {

namespace {

constexpr size_t MAX_TRANSFER = size_t{1} << 30;  // Linux moves at most 2 GiB in one call
constexpr int64_t FLUSH_BYTES = 16 << 20;         // written between two starts of writing back
constexpr double MTIME_TOLERANCE_MS = 0.01;       // a double of milliseconds holds a nanosecond time to 0.0003 ms

double mtime_ms(const struct stat & info) {
#ifdef __APPLE__
  const timespec & time = info.st_mtimespec;
#else
  const timespec & time = info.st_mtim;
#endif
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

std::string folder_of(const std::string & path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string & path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool out_of_space(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

// Removes what killed runs left for this target: a temporary file that nobody holds a lock on.
void remove_stale(const std::string & path) {
  const std::string folder = folder_of(path);
  const std::string prefix = name_of(path) + ".tmp-";
  DIR * listing = opendir(folder.c_str());
  if (listing == nullptr) return;
  while (const dirent * entry = readdir(listing)) {
    if (std::strncmp(entry->d_name, prefix.c_str(), prefix.size()) != 0) continue;
    const std::string candidate = folder + "/" + entry->d_name;
    const int fd = open(candidate.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) unlink(candidate.c_str());
    close(fd);
  }
  closedir(listing);
}

#ifdef __linux__
// There, to reserve is to allocate page by page, which workers do side by side when they write.
bool in_memory(int fd) {
  struct statfs info;
  return fstatfs(fd, &info) == 0 && info.f_type == TMPFS_MAGIC;
}
#endif

std::string random_suffix() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  char text[17];
  std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(random()));
  return text;
}

}  // namespace

SourceFile::SourceFile(std::string path, int64_t size, double pinned_mtime_ms)
    : path_(std::move(path)), size_(size), mtime_ms_(pinned_mtime_ms) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) {
    if (errno == ENOENT || errno == ENOTDIR) throw Error("TARA_FILE_NOT_FOUND", {{"path", path_}});
    throw Error("TARA_FILE_UNREADABLE", {{"path", path_}, {"reason", std::strerror(errno)}});
  }
  try {
    check_unchanged();
  } catch (...) {
    close(fd_);
    throw;
  }
}

SourceFile::~SourceFile() { close(fd_); }

void SourceFile::check_unchanged() const {
  struct stat info;
  if (fstat(fd_, &info) != 0) throw Error("TARA_FILE_UNREADABLE", {{"path", path_}, {"reason", std::strerror(errno)}});
  if (!S_ISREG(info.st_mode)) throw Error("TARA_FILE_UNREADABLE", {{"path", path_}, {"reason", "it is no regular file"}});
  if (info.st_size != size_ || std::fabs(mtime_ms(info) - mtime_ms_) > MTIME_TOLERANCE_MS) {
    throw Error("TARA_FILE_CHANGED", {{"path", path_}});
  }
}

void SourceFile::read(void * into, size_t bytes, int64_t offset) const {
  auto * at = static_cast<char *>(into);
  while (bytes > 0) {
    const ssize_t got = pread(fd_, at, bytes < MAX_TRANSFER ? bytes : MAX_TRANSFER, offset);
    if (got < 0) {
      if (errno == EINTR) continue;
      throw Error("TARA_FILE_UNREADABLE", {{"path", path_}, {"reason", std::strerror(errno)}});
    }
    if (got == 0) throw Error("TARA_FILE_CHANGED", {{"path", path_}});  // the span was inside the file when it was opened
    at += got;
    offset += got;
    bytes -= static_cast<size_t>(got);
  }
}

OutputFile::OutputFile(std::string path, int64_t bytes) : path_(std::move(path)), bytes_(bytes) {
  struct stat info;
  if (stat(path_.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    throw Error("TARA_WRITE_FAILED", {{"path", path_}, {"reason", S_ISDIR(info.st_mode) ? "it is a folder" : "it is no regular file"}});
  }
  remove_stale(path_);
  create();
  try {
    reserve();
  } catch (...) {
    unlink(temporary_.c_str());
    close(fd_);
    throw;
  }
}

OutputFile::~OutputFile() {
  if (!published_) unlink(temporary_.c_str());
  if (fd_ >= 0) close(fd_);
}

void OutputFile::create() {
  for (;;) {
    temporary_ = path_ + ".tmp-" + std::to_string(getpid()) + "-" + random_suffix();
    fd_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0) {
      if (errno == EEXIST) continue;
      fail(errno);
    }
    flock(fd_, LOCK_EX | LOCK_NB);  // some network file systems know no locks: then nothing is ever taken for stale
    struct stat info;
    if (fstat(fd_, &info) == 0 && info.st_nlink > 0) return;
    close(fd_);  // another run took it for stale before the lock was held
  }
}

void OutputFile::reserve() {
#ifdef __linux__
  if (!in_memory(fd_)) {
    int result;
    do {
      result = fallocate(fd_, 0, 0, bytes_);
    } while (result != 0 && errno == EINTR);
    if (result == 0) return;
    if (errno != EOPNOTSUPP && errno != ENOSYS) fail(errno);
  }
#endif
  if (ftruncate(fd_, bytes_) != 0) fail(errno);
}

void OutputFile::fail(int error) const {
  if (out_of_space(error)) throw Error("TARA_DISK_FULL", {{"path", path_}, {"needed", bytes_}});
  throw Error("TARA_WRITE_FAILED", {{"path", path_}, {"reason", std::strerror(error)}});
}

void OutputFile::write(const void * from, size_t bytes, int64_t offset) {
  const auto count = static_cast<int64_t>(bytes);
  const auto * at = static_cast<const char *>(from);
  while (bytes > 0) {
    const ssize_t put = pwrite(fd_, at, bytes < MAX_TRANSFER ? bytes : MAX_TRANSFER, offset);
    if (put < 0) {
      if (errno == EINTR) continue;
      fail(errno);
    }
    at += put;
    offset += put;
    bytes -= static_cast<size_t>(put);
  }
#ifdef __linux__
  const int64_t before = written_.fetch_add(count, std::memory_order_relaxed);
  // Only a start: whatever becomes of it, sync() tells.
  if (before / FLUSH_BYTES != (before + count) / FLUSH_BYTES) sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
}

void OutputFile::sync() const {
  if (fsync(fd_) != 0) fail(errno);
}

void OutputFile::publish() {
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
  published_ = true;
  const int folder = open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  fsync(folder);  // file systems that cannot sync a folder say so here; the rename stands
  close(folder);
}

}  // namespace tara::plan
