/*
 * Who this process is towards the system. A relay needs none of root's rights: it reads its
 * configuration and the files which that names, writes its data folder, and connects to servers.
 *
 * Only while there is one thread.
 */
#pragma once
#include "protocol/base/err.h"

/*
 * Becomes `user` with that one's groups, for good; no program that is executed later can gain
 * rights. "" leaves the process who it is. E_CONFIG when there is no such user, or when the process
 * is neither root nor that user already (as it is after a restart in place).
 */
MUST_CHECK int identity_become(const char *user, struct err *e);
/* Who runs as root becomes the owner of the folder, so that what is written there stays that one's;
   anybody else stays who they are. */
MUST_CHECK int identity_become_owner(const char *folder, struct err *e);
