/* The version that all programs of the project show. */
#pragma once

#define BINRELAY_VERSION "0.1.0"
