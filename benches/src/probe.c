/* Runs in a guest whose image has next to nothing: no library, a few KiB, so that it can be typed in.
 *
 *   probe getppid|fork|exec|pipe|fault COUNT   prints "figure NAME NANOSECONDS", for one of them
 *   probe serve PORT                           for each connection: after a byte 'g' gives bytes until
 *                                              the other side has enough, after 't' takes them all and
 *                                              answers with one
 */
typedef unsigned long word;

static long call(long number, word a, word b, word c, word d, word e, word f) {
    long result;
    register word r10 __asm__("r10") = d;
    register word r8 __asm__("r8") = e;
    register word r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* asm/unistd_64.h */
enum { READ = 0, WRITE = 1, CLOSE = 3, MMAP = 9, MUNMAP = 11, PIPE = 22, SOCKET = 41, ACCEPT = 43, BIND = 49,
       LISTEN = 50, SETSOCKOPT = 54, FORK = 57, EXECVE = 59, EXIT = 60, WAIT4 = 61, GETPPID = 110,
       CLOCK_GETTIME = 228 };
#define DO(number, ...) DO7(number, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define DO7(number, a, b, c, d, e, f, ...) call(number, (word)(a), (word)(b), (word)(c), (word)(d), (word)(e), (word)(f))

static int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

static word number(const char *text) {
    word value = 0;
    while (*text >= '0' && *text <= '9') value = value * 10 + (word)(*text++ - '0');
    return value;
}

static void say(const char *text) {
    word length = 0;
    while (text[length]) length++;
    DO(WRITE, 1, text, length);
}

static void end(int status) {
    for (;;) DO(EXIT, status);
}

static word now(void) {
    word time[2];
    DO(CLOCK_GETTIME, 1, time);
    return time[0] * 1000000000UL + time[1];
}

static void figure(const char *name, word nanoseconds) {
    char digits[24], *at = digits + sizeof digits - 1;
    *at = 0;
    do *--at = (char)('0' + nanoseconds % 10); while (nanoseconds /= 10);
    say("figure "), say(name), say(" "), say(at), say("\n");
}

static char buffer[128 * 1024];

static void child_of(long pid) {
    if (pid < 0) say("fork failed\n"), end(1);
    DO(WAIT4, pid, 0, 0, 0);
}

static void pipes(word count) {
    int there[2], back[2];
    if (DO(PIPE, there) < 0 || DO(PIPE, back) < 0) end(1);
    long pid = DO(FORK, 0);
    if (!pid) {
        DO(CLOSE, there[1]), DO(CLOSE, back[0]);
        while (DO(READ, there[0], buffer, 1) == 1) DO(WRITE, back[1], buffer, 1);
        end(0);
    }
    DO(CLOSE, there[0]), DO(CLOSE, back[1]);
    while (count--) DO(WRITE, there[1], buffer, 1), DO(READ, back[0], buffer, 1);
    DO(CLOSE, there[1]);
    child_of(pid);
}

static void faults(word count) {
    char *pages = (char *)DO(MMAP, 0, count * 4096, 3, 0x22, -1, 0);
    if ((long)pages < 0 && (long)pages > -4096) end(1);
    for (word i = 0; i < count; i++) *(volatile char *)(pages + i * 4096) = 1;
    DO(MUNMAP, pages, count * 4096);
}

static void serve(word port) {
    long listener = DO(SOCKET, 2, 1, 0), yes = 1;
    DO(SETSOCKOPT, listener, 1, 2, &yes, 4);
    unsigned char address[16] = { 2, 0, (unsigned char)(port >> 8), (unsigned char)port };
    if (DO(BIND, listener, address, 16) < 0 || DO(LISTEN, listener, 1) < 0) say("can't listen\n"), end(1);
    for (;;) {
        long stream = DO(ACCEPT, listener, 0, 0);
        if (stream < 0 || DO(READ, stream, buffer, 1) != 1) continue;
        if (buffer[0] == 'g') while (DO(WRITE, stream, buffer, sizeof buffer) > 0);
        else while (DO(READ, stream, buffer, sizeof buffer) > 0);
        DO(WRITE, stream, buffer, 1);
        DO(CLOSE, stream);
    }
}

__attribute__((used)) static void begin(word *stack) {
    char **arguments = (char **)(stack + 1);
    const char *what = stack[0] > 1 ? arguments[1] : "";
    word count = stack[0] > 2 ? number(arguments[2]) : 0;
    /* 13 is SIGPIPE, 1 is SIG_IGN: who has enough closes. */
    word ignore[4] = { 1, 0, 0, 0 };
    DO(13, 13, ignore, 0, 8);
    if (same(what, "nothing")) end(0);
    if (same(what, "serve")) serve(count);
    word began = now();
    if (!count) say("a count\n"), end(2);
    if (same(what, "getppid")) for (word i = 0; i < count; i++) DO(GETPPID, 0);
    else if (same(what, "fork")) for (word i = 0; i < count; i++) {
        long pid = DO(FORK, 0);
        if (!pid) end(0);
        child_of(pid);
    } else if (same(what, "exec")) for (word i = 0; i < count; i++) {
        long pid = DO(FORK, 0);
        char *nothing[3] = { arguments[0], "nothing", 0 };
        if (!pid) DO(EXECVE, arguments[0], nothing, 0), end(1);
        child_of(pid);
    } else if (same(what, "pipe")) pipes(count);
    else if (same(what, "fault")) faults(count);
    else say("getppid, fork, exec, pipe, fault or serve\n"), end(2);
    figure(what, (now() - began) / count);
    end(0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n\thlt\n");
