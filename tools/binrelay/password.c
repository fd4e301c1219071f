#include "tools/binrelay/password.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "protocol/auth_hash.h"

enum { LINE_BYTES = PASSWORD_MAX + 3 };

void password_wipe(struct buf *b)
{
    if (b->ptr != NULL)
        explicit_bzero(b->ptr, b->size);
    buf_done(b);
}

/* The next line without its end. Read unbuffered, so that no copy of it stays behind. */
static int read_line(int fd, const char *what, struct buf *out, struct err *e)
{
    char   line[LINE_BYTES];
    size_t n = 0;

    while (n < sizeof line) {
        ssize_t got = read(fd, line + n, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(e, "read the password from %s", what);
        if (got == 0 || line[n] == '\n')
            break;
        n++;
    }
    if (n > 0 && line[n - 1] == '\r')
        n--;
    int rc = n == 0 ? err_set(e, E_CONFIG, "%s has no password in its first line", what)
                    : auth_password_check((struct slice){ (const uint8_t *)line, n }, e);
    if (rc == 0)
        buf_put(out, (struct slice){ (const uint8_t *)line, n });
    explicit_bzero(line, sizeof line);
    return rc == 0 ? buf_check(out, "a password", e) : -1;
}

/* With signals held back, so that Ctrl-C does not leave the terminal mute. */
static int ask(FILE *terminal, const char *prompt, struct buf *out, struct err *e)
{
    struct termios shown, mute;
    sigset_t       all, before;
    int            fd = fileno(terminal);

    if (tcgetattr(fd, &shown) != 0)
        return err_sys(e, "the terminal");
    mute = shown;
    mute.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    int rc = tcsetattr(fd, TCSAFLUSH, &mute) == 0 ? 0 : err_sys(e, "the terminal");
    if (rc == 0) {
        /* Only now, since what was typed before is thrown away. */
        (void)fputs(prompt, terminal);
        (void)fflush(terminal);
        rc = read_line(fd, "the terminal", out, e);
    }
    (void)tcsetattr(fd, TCSAFLUSH, &shown);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)fputs("\n", terminal);
    return rc;
}

static int ask_twice(FILE *terminal, const char *user, struct buf *out, struct err *e)
{
    struct buf again;
    char       prompt[256];

    (void)snprintf(prompt, sizeof prompt, "password for user '%s': ", user);
    TRY(ask(terminal, prompt, out, e));
    buf_init(&again, LINE_BYTES);
    int rc = ask(terminal, "once more: ", &again, e);
    if (rc == 0 && !slice_equal(buf_slice(out), buf_slice(&again)))
        rc = err_set(e, E_CONFIG, "the two passwords differ: nothing was changed");
    password_wipe(&again);
    return rc;
}

int password_read(const char *path, const char *user, struct buf *out, struct err *e)
{
    if (path == NULL && isatty(STDIN_FILENO) == 1) {
        FILE *terminal = fopen("/dev/tty", "r+e");
        if (terminal == NULL)
            return err_sys(e, "open the terminal");
        int rc = ask_twice(terminal, user, out, e);
        (void)fclose(terminal);
        return rc;
    }
    if (path == NULL || strcmp(path, "-") == 0)
        return read_line(STDIN_FILENO, "standard input", out, e);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return err_sys(e, "read the password file '%s'", path);
    int rc = read_line(fileno(f), path, out, e);
    (void)fclose(f);
    return rc;
}

int password_read_once(const char *path, const char *user, struct buf *out, struct err *e)
{
    char prompt[256];

    if (path != NULL)
        return password_read(path, user, out, e);
    if (isatty(STDIN_FILENO) != 1)
        return 0;
    FILE *terminal = fopen("/dev/tty", "r+e");
    if (terminal == NULL)
        return err_sys(e, "open the terminal");
    (void)snprintf(prompt, sizeof prompt, "password of '%s': ", user);
    int rc = ask(terminal, prompt, out, e);
    (void)fclose(terminal);
    return rc;
}

int password_read_hash(const char *path, struct buf *out, struct err *e)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

    if (f == NULL)
        return err_sys(e, "read the file with the hash, '%s'", path);
    for (int c = getc(f); c != EOF; c = getc(f))
        buf_put_u8(out, (uint8_t)c);
    int failed = ferror(f);
    if (f != stdin)
        (void)fclose(f);
    if (failed != 0)
        return err_sys(e, "read the file with the hash, '%s'", path);
    TRY(buf_check(out, "a hash", e));
    while (out->len > 0 && (out->ptr[out->len - 1] == '\n' || out->ptr[out->len - 1] == '\r'))
        out->len--;
    return 0;
}
