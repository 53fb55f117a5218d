"""Which mount a path lies on, told by its name alone."""

from __future__ import annotations

import pytest

from arrtheaudio.jobs.mounts import mount_of, place_of

TABLE = """22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
40 22 0:39 / /mnt/m\u00e9dias rw - nfs4 nas:/x rw
41 22 0:40 / /mnt/my\\040share rw - cifs //nas/x rw
42 41 0:41 / /mnt/my\\040share/inner rw - tmpfs tmpfs rw
""".encode()


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/srv/tv/a.mkv", ("/", "ext4")),
        ("/mnt/m\u00e9dias/tv/a.mkv", ("/mnt/m\u00e9dias", "nfs4")),
        ("/mnt/my share/a.mkv", ("/mnt/my share", "cifs")),
        ("/mnt/my share/inner/a.mkv", ("/mnt/my share/inner", "tmpfs")),
        ("/mnt/my shared/a.mkv", ("/", "ext4")),
    ],
)
def test_the_longest_mount_point_that_holds_the_path_is_its_mount(
    path: str, mount: tuple[str, str]
) -> None:
    point, kind = mount_of(path.encode(), TABLE)
    assert (point.decode(), kind) == mount


def test_without_a_table_everything_is_one_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arrtheaudio.jobs.mounts.MOUNTS", NoTable())
    assert mount_of(b"/mnt/a.mkv") == (b"/", "")


class NoTable:
    """A system without /proc."""

    def read_bytes(self) -> bytes:
        raise FileNotFoundError


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/srv/tv/a.mkv", "/srv/tv"),
        ("/mnt/m\u00e9dias/tv/a.mkv", "/mnt/m\u00e9dias"),
        ("/mnt/my share/a.mkv", "/mnt/my share"),
        ("/mnt/my share/inner/x/a.mkv", "/mnt/my share/inner/x"),
    ],
)
def test_a_share_hangs_as_a_whole_and_elsewhere_a_folder_does(path: str, place: str) -> None:
    assert place_of(path.encode(), TABLE).decode() == place
