/* Gives one process another wall clock: loaded with LD_PRELOAD, it adds DEED_TEST_CLOCK_OFFSET seconds to
 * CLOCK_REALTIME and leaves every other clock to libc. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*libc)(clockid_t, struct timespec *);
    if (!libc)
        libc = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = libc(clock, now);
    const char *offset = getenv("DEED_TEST_CLOCK_OFFSET");
    if (result == 0 && clock == CLOCK_REALTIME && offset)
        now->tv_sec += atoll(offset);
    return result;
}
