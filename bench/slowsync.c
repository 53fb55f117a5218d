/* Makes every fsync and fdatasync of a program take SLOWSYNC_US microseconds longer.
 *
 *     cc -O2 -shared -fPIC -o slowsync.so slowsync.c
 *     SLOWSYNC_US=8000 LD_PRELOAD=./slowsync.so python ...
 *
 * The real call comes first, so what was durable stays durable; the calling
 * thread then sleeps as it would while a spinning disk turns.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

typedef int (*sync_call)(int);

static struct timespec pause_of_environment(void) {
    const char *text = getenv("SLOWSYNC_US");
    long microseconds = text ? strtol(text, NULL, 10) : 0;
    struct timespec pause = {microseconds / 1000000, microseconds % 1000000 * 1000};
    return pause;
}

static int then_sleep(int result) {
    struct timespec left = pause_of_environment();
    while (nanosleep(&left, &left) != 0) {
        /* a signal came: sleep what is left */
    }
    return result;
}

int fsync(int descriptor) {
    sync_call real = (sync_call)dlsym(RTLD_NEXT, "fsync");
    return then_sleep(real(descriptor));
}

int fdatasync(int descriptor) {
    sync_call real = (sync_call)dlsym(RTLD_NEXT, "fdatasync");
    return then_sleep(real(descriptor));
}
