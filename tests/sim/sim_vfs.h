/*
 * SQLite on the simulated disk: its files lose, tear and fail as all others there, so that a
 * catalog goes through the same crashes as the relay files beside it.
 *
 * One connection at a time (no locks, WAL index in memory); paths lose their folder.
 */
#pragma once
#include "storage/disk.h"

/* Every database that is opened from now on by this process is on this disk. Connections of
   before have to be closed. */
void sim_vfs_use(struct disk *disk);
