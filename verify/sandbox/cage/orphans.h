#pragma once

namespace gradus::cage {

// Ends and reaps every child of this process, which inherits what jobs orphan (child subreaper).
// Only at level 0, where nothing keeps a program from starting processes. False when somebody
// starts them faster than they can be ended.
bool EndOrphans();

}  // namespace gradus::cage
