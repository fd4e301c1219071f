#include "storage/identity.h"
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { ENTRY_BYTES = 64 * 1024 };

/* `*found` false: no such user. */
static int look_up(const char *user, bool *found, uid_t *uid, gid_t *gid, struct err *e)
{
    struct passwd entry, *result = NULL;
    char         *text = malloc(ENTRY_BYTES);

    if (text == NULL)
        return err_set(e, E_NOMEM, "no memory to look up the user '%s'", user);
    (void)getpwnam_r(user, &entry, text, ENTRY_BYTES, &result);
    *found = result != NULL;
    if (*found) {
        *uid = entry.pw_uid;
        *gid = entry.pw_gid;
    }
    free(text);
    return 0;
}

/* The groups first: without root's rights they can't be changed any more. `user` NULL: it has no
   others than `gid`. */
static int become(const char *user, uid_t uid, gid_t gid, struct err *e)
{
    int grouped = user != NULL ? initgroups(user, gid) : setgroups(1, &gid);

    if (grouped != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return err_sys(e, "become user %u of group %u", (unsigned)uid, (unsigned)gid);
    return 0;
}

int identity_become(const char *user, struct err *e)
{
    uid_t uid = 0;
    gid_t gid = 0;
    bool  found;

    if (user[0] == '\0')
        return 0;
    TRY(look_up(user, &found, &uid, &gid, e));
    if (!found)
        return err_set(e, E_CONFIG,
                       "user = %s: there is no such user here; 'useradd --system %s' makes one",
                       user, user);
    if (geteuid() == 0)
        TRY(become(user, uid, gid, e));
    else if (geteuid() != uid)
        return err_set(e, E_CONFIG,
                       "user = %s: only root can become another user, and this is user %u: start "
                       "it as root or as '%s', or leave 'user' out",
                       user, (unsigned)geteuid(), user);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_sys(e, "give up gaining rights");
    return 0;
}

int identity_become_owner(const char *folder, struct err *e)
{
    struct stat st;

    if (stat(folder, &st) != 0)
        return err_sys(e, "look at '%s'", folder);
    if (geteuid() != 0 || st.st_uid == 0)
        return 0;
    return become(NULL, st.st_uid, st.st_gid, e);
}
