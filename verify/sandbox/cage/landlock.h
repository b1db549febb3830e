#pragma once
#include "verify/sandbox/cage/jail.h"

namespace gradus::cage {

// A Landlock rule set: `roots` may be read, and executed where `may_execute`, /dev/null written,
// nothing else of the file system, no TCP, no signal or abstract socket to the outside (as far as
// the kernel's version knows of them). -1 when the kernel has no Landlock.
int MakeRuleSet(const Roots& roots, bool may_execute);

// Confines this process for good. REQUIRES no_new_privs.
bool EnterRuleSet(int rule_set);

}  // namespace gradus::cage
