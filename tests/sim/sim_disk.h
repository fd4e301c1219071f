/*
 * A disk in memory that forgets.
 *
 * Writes, cuts and names are kept aside until they are synced. At a crash each of them is kept,
 * dropped or torn, in any order, as the seed says; from then on every call fails until
 * sim_disk_restart(). Single calls can be made to fail, and the disk can be full. All calls are
 * serialised; any thread.
 */
#pragma once
#include "storage/disk.h"

struct sim_disk;

struct sim_disk *sim_disk_new(uint64_t seed);
void             sim_disk_free(struct sim_disk *d);
struct disk     *sim_disk_disk(struct sim_disk *d);

/* Everything that changes the disk counts as one call: write, sync, cut, create, rename, remove,
   sync of the folder. */
uint64_t sim_disk_calls(const struct sim_disk *d);
void     sim_disk_crash_at(struct sim_disk *d, uint64_t call); /* 0: never */
bool     sim_disk_crashed(const struct sim_disk *d);
/* Loses what was not synced as a power cut would; open files are gone. */
void sim_disk_restart(struct sim_disk *d);
/* Only the process died: what it wrote is all there, but still not synced. */
void sim_disk_revive(struct sim_disk *d);

/* The given call (and no other) fails with this errno; a failed sync has lost its writes. */
void sim_disk_fail_at(struct sim_disk *d, uint64_t call, int sys);
/* At most so many bytes in all files; 0: any number. */
void sim_disk_limit(struct sim_disk *d, uint64_t bytes);

/* What a file holds now (unsynced writes too); empty when there is none. Valid until the next
   change. */
struct slice sim_disk_bytes(struct sim_disk *d, const char *name);
/* Replaces a file behind the store's back. */
void sim_disk_put(struct sim_disk *d, const char *name, struct slice bytes);

/* What a power cut would leave of it for certain: as of the last sync of the file, if its name was
   synced, too. */
struct slice sim_disk_safe(struct sim_disk *d, const char *name);

/* Lies that a test must find out, or it finds nothing. */
enum sim_plant {
    SIM_PLANT_NONE,
    SIM_PLANT_NO_SYNC,        /* a sync succeeds and does nothing */
    SIM_PLANT_NO_FOLDER_SYNC, /* the same of the folder */
    SIM_PLANT_HIDDEN_FAILURE, /* a sync that fails, and loses its writes, says that it succeeded */
    SIM_PLANTS
};
void sim_disk_plant(struct sim_disk *d, enum sim_plant plant);

/* A generator for tests: the same numbers for the same seed everywhere. */
uint64_t sim_random(uint64_t *state);
