#include "orchestrator/comm/group_link.h"

#include <algorithm>
#include <utility>

#include "schemas/base/error.h"

namespace gradus {

GroupLink::GroupLink(Transport& transport, std::uint32_t group, std::vector<int> members)
    : transport_(transport), group_(group), members_(std::move(members)) {
  const auto self = std::find(members_.begin(), members_.end(), transport_.rank());
  Require(self != members_.end(), "a rank was told to train in a group it is no member of");
  rank_ = static_cast<int>(self - members_.begin());
}

GroupLink::~GroupLink() { transport_.Close(group_); }

void GroupLink::Send(int to, std::uint32_t tag, std::string bytes) {
  ThrowIfCancelled();
  transport_.Send(members_.at(static_cast<std::size_t>(to)), ChannelOf(group_, tag),
                  std::move(bytes));
}

std::string GroupLink::Receive(int from, std::uint32_t tag, double deadline_s) {
  ThrowIfCancelled();
  const int peer = members_.at(static_cast<std::size_t>(from));
  std::optional<Message> message = transport_.Receive(ChannelOf(group_, tag), deadline_s, peer);
  if (message) return std::move(message->bytes);
  ThrowIfCancelled();
  throw Error(fmt::format("training peer rank {} sent nothing for {} s", peer, deadline_s),
              ExitCode::kTrainersLost);
}

void GroupLink::Cancel() {
  cancelled_ = true;
  transport_.Close(group_);
}

void GroupLink::ThrowIfCancelled() const {
  if (!cancelled_) return;
  throw Error(fmt::format("training group {} was dissolved", group_), ExitCode::kTrainersLost);
}

}  // namespace gradus
