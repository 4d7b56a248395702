// SPDX-License-Identifier: MIT
// A plugin brings libhakmem into a process that has the drop-in: there is one heap. Argument: the plugin.
#include "program.h"

typedef void *alloc_function(size_t size);
typedef void free_function(void *block);

int main(int argc, char **argv)
{
    void *block = malloc(1);
    REQUIRE(argc == 2 && is_hakmems(block));
    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    REQUIRE(plugin != NULL);
    alloc_function *plugin_alloc = (alloc_function *)dlsym(plugin, "plugin_alloc");
    free_function *plugin_free = (free_function *)dlsym(plugin, "plugin_free");
    owns *plugin_owns = (owns *)dlsym(plugin, "plugin_owns");
    REQUIRE(plugin_owns(block));
    for (size_t size = 1; size < 3000000; size += size / 2 + 1) {
        void *of_plugin = plugin_alloc(size);
        REQUIRE(is_hakmems(of_plugin));
        free(of_plugin);
        plugin_free(malloc(size));
    }
    plugin_free(block);
    REQUIRE(dlclose(plugin) == 0);
    return 0;
}
