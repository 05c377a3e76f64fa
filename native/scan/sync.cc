// The job "files.sync": makes everything that was written to a file system durable, in one call.
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "env/environment.h"
#include "env/executor.h"

namespace tara {

namespace {

// Linux names the file system and tells errors of writing back; elsewhere sync() has neither.
void sync_file_system(const std::string & folder) {
#ifdef __linux__
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int error = fd < 0 || syncfs(fd) != 0 ? errno : 0;
  if (fd >= 0) close(fd);
  if (error == 0) return;
  if (error == ENOSPC || error == EDQUOT) throw Error("TARA_DISK_FULL", {{"path", folder}, {"needed", 0}});
  throw Error("TARA_WRITE_FAILED", {{"path", folder}, {"reason", std::strerror(error)}});
#else
  static_cast<void>(folder);
  sync();
#endif
}

// params: { folder }. It cannot be cancelled: the system call waits for the disk.
void start_sync(Environment &, JobPtr job, Json params, Blobs) {
  const auto folder = params.at("folder").get<std::string>();
  Executor::get().submit(1, [job, folder](int) {
    try {
      job->check();
      sync_file_system(folder);
      job->done(Json::object());
    } catch (...) {
      job->fail(current_failure());
    }
    return Executor::Leave::drained;
  }, [] {});
}

}  // namespace

void register_sync(Registry & registry) { registry.starts["files.sync"] = start_sync; }

}  // namespace tara
