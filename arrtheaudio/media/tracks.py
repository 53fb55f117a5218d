"""What is known of a media file: values only, no reading and no deciding.

Track numbers follow the containers' own words: ``index`` is the position among
all tracks of the file (0-based, what ffprobe calls the stream index), ``number``
is Matroska's TrackNumber (RFC 9559, 5.1.4.1.1) or MP4's track_ID (ISO/IEC
14496-12, 8.3.2).
"""

from __future__ import annotations

from typing import Any, Final, Literal

import attrs

Container = Literal["mkv", "mp4"]
TrackType = Literal["video", "audio", "subtitles", "other"]
Method = Literal["in_place", "remux", "copy"]

UNDETERMINED = "und"
# 285,000 years. JSON says no greater integer exactly, and none of more than 64 bits at all.
MAX_DURATION_MS: Final = 1 << 53


@attrs.frozen
class Track:
    """One track as the file describes it.

    ``language`` is a BCP 47 tag in normal form ("en", "pt-BR", "und");
    ``language_tag`` is what the file says, untouched. Flags that the container
    leaves open are None (unknown), never guessed.
    """

    index: int
    number: int
    type: TrackType
    codec: str  # ffprobe's short name where there is one: "aac", "ac3", "eac3", "dts", "truehd"
    language: str = UNDETERMINED
    language_tag: str = ""
    title: str | None = None
    channels: int | None = None  # audio only
    default: bool = False
    forced: bool = False
    original: bool | None = None
    commentary: bool | None = None
    visual_impaired: bool | None = None
    hearing_impaired: bool | None = None
    text_description: bool | None = None
    enabled: bool = True  # Matroska's FlagEnabled; an MP4 says no more than ``default``


@attrs.frozen
class Media:
    """A probed file. ``layout`` is the container module's own map of offsets for planning."""

    container: Container
    size: int  # bytes
    tracks: tuple[Track, ...]
    duration_ms: int | None = None
    brand: str = ""  # EBML DocType or MP4 major brand
    layout: Any = attrs.field(default=None, eq=False, repr=False)

    @property
    def audio(self) -> tuple[Track, ...]:
        """The audio tracks, in file order."""
        return tuple(track for track in self.tracks if track.type == "audio")


@attrs.frozen
class Shuffle:
    """A large patch in few words: which runs of the old bytes stand where in the new ones.

    All offsets count from the patch's own. Bytes that stand in no run are told
    in ``old_rest`` and ``new_rest``, so either side follows from the other; the
    SHA-256 digests tell which side a file holds.
    """

    length: int
    runs: tuple[tuple[int, int, int], ...]  # (offset among the old, among the new, length)
    old_rest: tuple[tuple[int, bytes], ...]
    new_rest: tuple[tuple[int, bytes], ...]
    old_digest: bytes
    new_digest: bytes


@attrs.frozen
class Patch:
    """Bytes of the file that change: ``old`` and ``new`` have the same length.

    ``sync``: the file is fdatasync'ed behind this patch before the next one is
    written, because the next one is only safe once this one is durable.
    ``shuffle``: how the sides follow from each other. The journal gets it in their
    place where they are large: both are empty then.
    """

    offset: int
    old: bytes
    new: bytes
    sync: bool = False
    shuffle: Shuffle | None = None

    @property
    def length(self) -> int:
        """How many bytes of the file change."""
        return self.shuffle.length if self.shuffle else len(self.old)


@attrs.frozen
class Edit:
    """What a container module wants written, in this order, and the header it looked at.

    ``extents`` are (offset, length) byte ranges that identify the file: they
    cover the header that was parsed. The digest is taken over them with the
    patched bytes left out.
    """

    patches: tuple[Patch, ...]
    extents: tuple[tuple[int, int], ...]
    # True where a torn write leaves the header unreadable until recovery (MP4
    # reordering, a Matroska track list rewritten over a page's end): a large edit of
    # that kind needs a before-image.
    fragile: bool = False


@attrs.frozen
class Replacement:
    """A finished file beside the original that takes its name by one rename."""

    temporary: bytes  # its path
    size: int
    extents: tuple[tuple[int, int], ...]
    digest: bytes  # SHA-256 of the extents, by which recovery knows the new file


@attrs.frozen
class Plan:
    """An edit of one file as it stands in the journal before the first byte is written.

    ``digest``: SHA-256 of the ``extents`` with the patched ranges left out.
    ``mtime_ns`` is the file's before the edit, which is its mtime again where the
    old bytes are, and after the edit, too, with ``keep_mtime``. ``before_image``
    names an fsynced file in the data folder that holds the old bytes where they
    are too large for the journal. Rows of older versions know fewer fields: a new
    one has a default.
    """

    path: bytes
    method: Method
    size: int
    target: int | None  # index of the track that becomes the only default
    patches: tuple[Patch, ...]
    extents: tuple[tuple[int, int], ...]
    digest: bytes
    mtime_ns: int
    before_image: str | None = None
    number: int | None = None  # the target's Track.number, which reordering does not change
    replacement: Replacement | None = None  # methods copy and remux
    keep_mtime: bool = False


@attrs.frozen
class Rules:
    """What the user wishes for all files (config.md: language_priority … selection)."""

    language_priority: tuple[str, ...] = ("original", "eng")
    path_overrides: tuple[
        tuple[str, tuple[str, ...]], ...
    ] = ()  # (glob, languages); first match wins
    tag_overrides: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (tag label, languages)
    series_type_overrides: tuple[tuple[str, tuple[str, ...]], ...] = ()
    prefer: Literal["first", "channels", "quality", "compatible"] = "first"
    undetermined: str | None = None  # None, "original" or a language
    avoid_supplementary: bool = True


@attrs.frozen
class Context:
    """What is known of the title that the file belongs to."""

    original_language: str | None = None  # any spelling that languages.normalise takes
    series_type: str | None = None
    tags: tuple[str, ...] = ()
    language_priority: tuple[str, ...] | None = (
        None  # the wish of this one request, before all rules
    )


@attrs.frozen
class Explained:
    """One audio track and why it was, or was not, chosen."""

    track: Track
    chosen: bool
    why: str


@attrs.frozen
class Decision:
    """The choice for one file, with an explanation for every audio track."""

    wishes: tuple[str, ...]  # normalised languages in order of preference
    source: str  # which rule gave them: "request", "tag dub", "path /media/anime/**", …
    chosen: Track | None
    reason: str | None  # skip reason where nothing is to be done or nothing matched
    tracks: tuple[Explained, ...]
    message: str


@attrs.frozen
class Options:
    """How files are edited (config.md: media, containers, execution)."""

    containers: frozenset[Container] = frozenset({"mkv", "mp4"})
    mp4_method: Literal["in_place", "remux"] = "in_place"
    hardlinks: Literal["auto", "skip", "copy", "edit", "wait"] = "auto"
    reorder: bool = False
    preserve_mtime: bool = False
    allow_relocate: bool = False
    settle_seconds: float = 5.0
    before_image_dir: bytes | None = None  # folder for before-images over 64 KiB


@attrs.frozen
class Request:
    """One file to bring in order."""

    path: bytes
    rules: Rules
    context: Context = Context()
    options: Options = Options()
    dry_run: bool = False
    heavy: bool = False  # the caller holds a slot for rewriting whole files
    expected_size: int | None = None  # bytes, from the delivery: settled at once if equal
    own_mtime_ns: int | None = None  # Outcome.mtime_ns of our last edit: settled at once if equal


@attrs.frozen
class Outcome:
    """What became of one file."""

    result: Literal["success", "skipped"]
    reason: str | None  # skip reason
    message: str
    track_changed: bool = False
    method: Method | None = None
    media: Media | None = None
    decision: Decision | None = None
    plan: Plan | None = None
    mtime_ns: int | None = None  # what our edit left; None where nothing was written


@attrs.frozen
class Inspection:
    """A file looked at, nothing changed."""

    path: bytes
    media: Media
    decision: Decision
    links: int  # hard links, 1 for an ordinary file
    mtime_ns: int
    room: str  # how the default could be changed in place, in one sentence


@attrs.frozen
class Recovery:
    """How an open plan was settled.

    ``completed``: the edit stands. ``interrupted``: the old bytes stand, the job
    can run again. ``rolled_back``: the edit had been finished but did not show
    what was wanted, and the old bytes are back.
    """

    state: Literal["completed", "interrupted", "rolled_back"]
    message: str
    mtime_ns: int
