"""The one idea, as a check: a relay file is the image of a source file."""

IN_USE_AT = 4 + 17  # a file's first event says there that the file is open


def without_use(data):
    """Without the mark that the file is in use, which a source never sends."""
    data = bytearray(data)
    data[IN_USE_AT] &= 0xfe
    return data


def assert_same_bytes(source, relay, first=None, crashed=False):
    """Every file that the source still has is in the relay under its name, byte for byte.

    The last one is open on both sides: as far as the relay has published it. It is marked as in
    use, and so is, with MariaDB, one that was open when the server crashed.
    """
    binlogs = [path for path in source.binlogs() if first is None or path.name >= first]
    files = relay.files()
    assert [path.name for path in files] == [path.name for path in binlogs], (files, binlogs)
    for ours, theirs in zip(files[:-1], binlogs[:-1]):
        want = without_use(theirs.read_bytes()) if crashed else theirs.read_bytes()
        assert ours.read_bytes() == want, f"{ours} is not {theirs}"
    end = relay.published()
    assert end[0] == files[-1].name, (end, files)
    ours, theirs = files[-1].read_bytes()[:end[1]], without_use(binlogs[-1].read_bytes())[:end[1]]
    assert ours == theirs, f"{files[-1]} is not {binlogs[-1]}"
