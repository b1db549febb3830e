#include "verify/verifier_kind.h"

namespace gradus {

const std::vector<VerifierKind>& VerifierKinds() { return BuiltInVerifierKinds(); }

}  // namespace gradus
