"""Who the daemon runs as, and what the operator's command leaves to it."""

import os
import pwd
import shutil
import subprocess

from lib.errors import Unavailable
from lib.relay import program

USER = "daemon"  # On every system, and owner of nothing.


def needs_root():
    if os.geteuid() != 0:
        raise Unavailable("only root can become another user")


def own(path, user):
    entry = pwd.getpwnam(user)
    for folder, _, files in os.walk(path):
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        for name in files:
            os.chown(os.path.join(folder, name), entry.pw_uid, entry.pw_gid)


def test_root_s_rights_are_given_up(scene):
    """With `user` the daemon is that one for good, also after a restart in place; its files are that one's."""
    needs_root()
    source = scene.server("mariadb10")
    relay = scene.relay(source, start=False, settings={"relay": {"user": USER}})
    relay.write_config()
    relay.data.mkdir()
    own(relay.folder, USER)
    open_way(relay.folder)
    relay.launch().wait_answers()
    assert owner_of(relay.process.pid) == USER
    relay.cli("restart")
    relay.wait_answers()
    assert owner_of(relay.process.pid) == USER
    assert {pwd.getpwuid(path.stat().st_uid).pw_name for path in relay.data.iterdir()} == {USER}
    relay.stop()
    relay.cli("verify", "--repair")
    relay.cli("user", "add", "somebody", "--password-file", password_file(relay.folder))
    strangers = [path for path in relay.data.iterdir()
                 if pwd.getpwuid(path.stat().st_uid).pw_name != USER]
    assert not strangers, strangers


def open_way(folder):
    """The folders above belong to the test, which is root."""
    for parent in [folder, *folder.parents]:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)


def password_file(folder):
    path = folder / "password"
    path.write_text("secret-enough\n")
    return path


def owner_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    assert fields["NoNewPrivs"].strip() == "1"
    uids = set(fields["Uid"].split())
    assert len(uids) == 1, uids
    return pwd.getpwuid(int(uids.pop())).pw_name


def test_who_can_t_be_become_is_said(scene):
    """An unknown user, and one whom only root could become, are errors of the configuration."""
    needs_root()
    folder = scene.path("relay")
    folder.mkdir()
    folder.chmod(0o777)
    open_way(folder)
    shutil.copy(program("binrelayd"), folder / "binrelayd")
    for user, starter, said in (("no-such-user", "root", "there is no such user here"),
                                ("root", USER, "only root can become another user")):
        (folder / "conf").write_text(f"[relay]\ndata = {folder}/data\nuser = {user}\n"
                                     "[source a]\nuser = x\nserver_id = 7\n")
        done = subprocess.run([folder / "binrelayd", folder / "conf"], capture_output=True,
                              text=True, timeout=60, check=False, user=starter)
        assert done.returncode == 1, done.returncode
        assert said in done.stderr, done.stderr
    assert not (folder / "data").exists()


def test_the_shell_completes_commands_options_and_files(scene):
    """What the printed completion offers for some half-written lines."""
    script = scene.path("completion")
    script.write_text(subprocess.run([program("binrelay"), "--print-completion"], check=True,
                                     capture_output=True, text=True).stdout)
    (script.parent / "binlog.000001").touch()
    for words, offered in ((["st"], {"status"}),
                           (["--data", "/x", "epo"], {"epochs"}),
                           (["switch", "--dr"], {"--dry-run"}),
                           (["publisher", "p", "re"], {"resume", "retry"}),
                           (["events", "binl"], {"binlog.000001"}),
                           (["tail", "--count", ""], set())):
        line = " ".join(f"'{word}'" for word in ["binrelay", *words])
        told = subprocess.run(
            ["bash", "-c", f"compopt() {{ :; }}; . {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; "
             "_binrelay; printf '%s\\n' \"${COMPREPLY[@]}\""],
            check=True, capture_output=True, text=True, cwd=script.parent).stdout
        assert set(told.split()) == offered, (words, told)
