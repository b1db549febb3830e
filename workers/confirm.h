#pragma once
#include <asio/awaitable.hpp>

#include "schemas/tree.h"
#include "workers/live_world.h"

namespace gradus {

// What a search saw step by step is not yet a label: runs the code of every correct trajectory of a
// finished tree again, each block whole and from a clean start. A trajectory whose blocks do not
// end and print as they did in the search becomes unverifiable ("recheck-differs").
asio::awaitable<void> Confirm(Tree& tree, const Services& services, const Problem& problem);

}  // namespace gradus
