"""What a replaced file keeps of the original's: owner, mode, ACLs, attributes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from linked_films import CONTENT, NAMES, asked, journalled, names
from oracles import absent

from arrtheaudio import errors, media
from arrtheaudio.media import replace

ACL = bytes.fromhex(  # version 2; rwx for the owner, r for user 1234, the group, the mask; none
    "02000000 01000600ffffffff 02000400d2040000 04000400ffffffff 10000400ffffffff 20000000ffffffff"
)


async def test_the_copy_keeps_mode_owner_acl_attributes_and_time(linked) -> None:
    os.chmod(linked, 0o640)
    if os.geteuid() == 0:
        os.chown(linked, 1234, 5678)
    attach(linked, "user.origin", b"somewhere \xff")
    attach(linked, "system.posix_acl_access", ACL)
    if may_attach(linked, "security.NTACL"):  # Samba's, and what only root sees
        attach(linked, "security.NTACL", b"\x04\x00\x04\x00")
        attach(linked, "trusted.origin", b"elsewhere")
    os.utime(linked, ns=(10**18, 10**18 + 5))
    before, attributes = linked.stat(), attributes_of(linked)
    await media.run(
        asked(linked, "copy", options={"preserve_mtime": True}), before_write=journalled
    )
    after = linked.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert after.st_mtime_ns == before.st_mtime_ns
    assert attributes_of(linked) == attributes
    assert {"user.origin", "system.posix_acl_access"} <= set(attributes)


def may_attach(file: Path, name: str) -> bool:
    """Whether this process has the right to attributes that are not an ordinary user's."""
    try:
        os.setxattr(file, name, b"")
        os.removexattr(file, name)
    except PermissionError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("user.origin", True),
        ("system.posix_acl_access", True),
        ("system.nfs4_acl", True),
        ("system.nfs4_acl_xdr", True),
        ("security.NTACL", True),
        ("security.capability", True),
        ("trusted.origin", True),
        ("system.posix_acl_default", False),
        ("security.selinux", False),
        ("security.ima", False),
        ("security.evm", False),
        ("trusted.overlay.origin", False),
    ],
)
def test_acls_and_what_people_attach_are_kept_and_labels_are_the_system_s(name, kept) -> None:
    assert replace.is_kept(name) is kept


async def test_a_copy_that_may_not_have_the_original_s_acl_is_not_made(linked, monkeypatch) -> None:
    names_of, value_of = os.listxattr, os.getxattr

    def refuse(fd, name, value):
        raise PermissionError(errno.EPERM, "for the administrator only")

    monkeypatch.setattr(os, "listxattr", lambda fd: [*names_of(fd), "security.NTACL"])
    monkeypatch.setattr(
        os, "getxattr", lambda fd, name: b"acl" if name == "security.NTACL" else value_of(fd, name)
    )
    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(errors.NotWritable, match=r"security\.NTACL"):
        await media.run(asked(linked, "copy"), before_write=journalled)
    assert names(linked.parent) == NAMES
    assert linked.read_bytes() == CONTENT


async def test_a_label_of_the_system_is_not_copied(linked, monkeypatch) -> None:
    names_of = os.listxattr
    monkeypatch.setattr(os, "listxattr", lambda fd: [*names_of(fd), "security.selinux"])
    monkeypatch.delattr(os, "setxattr")
    assert (await media.run(asked(linked, "copy"), before_write=journalled)).track_changed


@pytest.mark.parametrize("number", sorted(replace.NO_ATTRIBUTES))
async def test_a_file_system_without_attributes_has_none_to_keep(
    linked, monkeypatch, number
) -> None:
    monkeypatch.setattr(os, "listxattr", failing(number))
    assert (await media.run(asked(linked, "copy"), before_write=journalled)).track_changed


async def test_attributes_that_cannot_be_read_are_not_lost_silently(linked, monkeypatch) -> None:
    monkeypatch.setattr(os, "listxattr", failing(errno.EIO))
    with pytest.raises(errors.IoFailed):
        await media.run(asked(linked, "copy"), before_write=journalled)
    assert names(linked.parent) == NAMES
    assert linked.read_bytes() == CONTENT


def failing(number: int):
    def call(*arguments):
        raise OSError(number, os.strerror(number))

    return call


async def test_an_acl_that_the_folder_would_pass_on_is_not_taken(linked) -> None:
    attach(linked.parent, "system.posix_acl_default", ACL)
    os.chmod(linked, 0o644)
    await media.run(asked(linked, "copy"), before_write=journalled)
    assert attributes_of(linked) == {}
    assert linked.stat().st_mode & 0o777 == 0o644


def attach(file: Path, name: str, value: bytes) -> None:
    try:
        os.setxattr(file, name, value)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        absent("a file system with extended attributes")


def attributes_of(file: Path) -> dict[str, bytes]:
    return {name: os.getxattr(file, name) for name in os.listxattr(file)}


async def test_a_file_is_not_given_to_another_owner(linked, monkeypatch) -> None:
    def refuse(*arguments):
        raise PermissionError(errno.EPERM, "not yours")

    monkeypatch.setattr(os, "fchmod", refuse)
    with pytest.raises(errors.NotWritable, match="owner and mode"):
        await media.run(asked(linked, "copy"), before_write=journalled)
    assert names(linked.parent) == NAMES
