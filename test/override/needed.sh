#!/bin/bash
# SPDX-License-Identifier: MIT
# The linker has kept the library. Arguments: readelf, the program, the library's soname.
set -euo pipefail
"$1" --wide --dynamic "$2" | grep -F "(NEEDED)" | grep -F "[$3]"
