#include "orchestrator/launch/start.h"

#include <algorithm>
#include <string>

#include "orchestrator/launch/every_so_often.h"

namespace gradus {
namespace {

constexpr std::uint64_t kStartChannel = ChannelOf(0xffffffff, 0);  // No group counts that far.
constexpr double kSignSeconds = 1;

void Tell(Transport& transport, const std::string& text) {
  for (int rank = 1; rank < transport.size(); ++rank) transport.Send(rank, kStartChannel, text);
}

}  // namespace

std::optional<int> PrepareTogether(Transport& transport, const std::function<int()>& prepare,
                                   double silence_s) {
  if (transport.rank() == 0) {
    int code = 0;
    {
      const EverySoOften sign_of_life(std::min(kSignSeconds, silence_s / 4),
                                      [&] { Tell(transport, {}); });
      code = prepare();
    }
    Tell(transport, std::to_string(code));
    return code;
  }
  for (;;) {
    const std::optional<Message> message = transport.Receive(kStartChannel, silence_s, 0);
    if (!message) return std::nullopt;
    if (!message->bytes.empty()) return std::stoi(message->bytes);
  }
}

}  // namespace gradus
