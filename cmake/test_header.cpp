// SPDX-License-Identifier: MIT
// Nothing: the target of this file has GoogleTest's compiled header.
