/*
 * zstd for compressed connections of libmariadb, which knows the method but whose packages come
 * without it. Where a server offers both it is taken before zlib (MySQL 8.0.18 and later).
 */
#pragma once

/* Once in a process, after mysql_library_init(). Without it, zlib is what there is. */
void client_zstd_register(void);
