#include "orchestrator/cluster/protocol.h"

namespace gradus {

Envelope Open(std::string_view bytes) {
  constexpr std::size_t kHead = sizeof(MessageType) + sizeof(std::uint32_t);
  Envelope envelope;
  FieldReader in(bytes);
  in(envelope.type, envelope.epoch);
  envelope.body = bytes.substr(kHead);
  if (envelope.type < MessageType::kHello || envelope.type > MessageType::kGone) {
    Fail("control message of unknown type {}", static_cast<int>(envelope.type));
  }
  return envelope;
}

}  // namespace gradus
