"""The DDL in the test suites of MySQL and MariaDB, from Debian's packages."""

import random
import re

from lib import debian

MARIADB = ("mariadb-test-data", "bookworm", "mariadb-test-data")
MYSQL = ("mysql-testsuite", "sid", "mysql-testsuite")

# What a session needs for its DDL to be read as it was meant.
WANTED = re.compile(r"\s*(/\*.*?\*/\s*)?(create|alter|drop|rename|truncate|use|set)\b", re.I | re.S)
# Of no interest here, or of harm to the server or to others' statements.
UNWANTED = re.compile(
    r"(\$|^\s*set\s.*\b(global|persist\w*|password|sql_log_bin|debug\w*|gtid\w*|transaction|role|"
    r"resource|binlog\w*|pseudo\w*|server_id|timestamp|read_only|lc_messages\w*|autocommit|"
    r"session_track\w*|optimizer\w*|max_\w+|lock_wait\w*|names|character\w*|collation_c\w+)\b|"
    r"^\s*(create|alter|drop|rename)\s+(or\s+replace\s+)?(definer\s*=\s*\S+\s+)?"
    r"(temporary|user|procedure|function|trigger|event|view|role|server|tablespace|undo|logfile|"
    r"algorithm|sql|aggregate|package|instance|spatial\s+reference|resource|library|json|"
    r"materialized|prepare|if)\b|"
    r"\b(mysql|sys|performance_schema|information_schema|test2)\.|data\s+directory|"
    r"^\s*use\s+(mysql|sys|performance_schema|information_schema)|"
    r"^\s*(drop|create|alter)\s+(database|schema)|tablespace\s*=?\s*\w|encryption\s*=)",
    re.I | re.S)


def suite(package, seed):
    """Its *.test files, in the order of a seed."""
    files = sorted(debian.package(*package).rglob("*.test"))
    random.Random(int(seed)).shuffle(files)
    return files


def statements(path):
    """The statements of one file that are about tables, as the server would get them.

    Files in other character sets than UTF-8 are left out.
    """
    delimiter, pending = ";", ""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for line in text.splitlines():
        bare = line.strip()
        if not pending.strip() and (not bare or bare.startswith(("#", "--", "{", "}"))):
            continue
        match = re.match(r"delimiter\s+(\S+?);?$", bare, re.I)
        if match and not pending.strip():
            delimiter = match.group(1).removesuffix(delimiter) or ";"
            continue
        pending += line + "\n"
        if bare.endswith(delimiter):
            statement = pending.rstrip().removesuffix(delimiter)
            pending = ""
            if WANTED.match(statement) and not UNWANTED.search(statement):
                yield statement.strip()
