/* Preloaded into a process: its fsync and fdatasync take as many milliseconds more as the file that SLOW_SYNC
   names says, while there is one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_as_told(void) {
    const char *name = getenv("SLOW_SYNC");
    FILE *file = name ? fopen(name, "re") : NULL;
    unsigned milliseconds = 0;
    if (!file) return;
    if (fscanf(file, "%u", &milliseconds) == 1) usleep(milliseconds * 1000);
    fclose(file);
}

int fsync(int descriptor) {
    wait_as_told();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(descriptor);
}

int fdatasync(int descriptor) {
    wait_as_told();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(descriptor);
}
