"""Choosing the default audio track: a pure decision, explained for every track.

media.md, "Choosing the track". Knows the values of tracks.py only; nothing is
read here and nothing written.

Two cases the rules leave open are settled so: a track mixed for the hard of
hearing is taken only if no other track meets the same wish as well; and a
file's only audio track becomes the default one whatever it speaks, because a
file without a default track is silent in some players, while one that is the
default already and speaks no wished language is reported as no_matching_track.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

import attrs

from arrtheaudio.media import languages, supplementary
from arrtheaudio.media.tracks import UNDETERMINED, Context, Decision, Explained, Media, Rules, Track
from arrtheaudio.media.wishes import ORIGINAL, Wishes, original_language, resolve

# What becomes of the chosen track's place in the file.
Place = Literal["kept", "first", "no_room"]
_NEW_PLACES: Final = {
    ("first", False): "it is the first one now",
    ("first", True): "it would become the first one",
    ("no_room", False): "the header has no room to make it the first one",
    ("no_room", True): "the header has no room to make it the first one",
}

_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth")

_LOSSLESS: Final = frozenset({"alac", "ape", "flac", "mlp", "truehd", "tta", "wavpack"})
# What a DTS track carries stands only in its title: the container says "dts" for all.
_LOSSLESS_TITLE: Final = re.compile(
    r"dts[-_. ]?hd[-_. ]?ma|master audio|dts[-:]?x\b|lossless", re.I
)
# Decoded by every television and browser of the last decade; then nearly all.
_COMPATIBLE: Final = {"aac": 2, "ac3": 2, "eac3": 1, "mp3": 1}


@attrs.frozen(eq=False)
class _Candidate:
    """An audio track held against the wishes."""

    track: Track
    kind: str | None  # what it accompanies the programme with; None: an ordinary track
    language: str  # what the track counts as; "und" meets no wish
    wish: int | None  # position of the wish that it meets
    rank: int  # how well (languages.matches)
    clearer_speech: bool

    @property
    def fit(self) -> tuple[int, int, bool, bool]:
        """Sorts the candidates that meet a wish, the best first."""
        assert self.wish is not None
        return self.wish, -self.rank, not self.track.enabled, self.clearer_speech


def decide(media: Media, rules: Rules, context: Context, path: bytes) -> Decision:
    """Choose the track of a file that becomes its only default audio track.

    Args:
        path: the file's absolute path, for the path overrides.

    ``Decision.reason`` is None where the file is to be changed, else the skip
    reason: already_correct, no_matching_track or no_audio_tracks.
    """
    audio = media.audio
    wishes = resolve(rules, context, path, audio)
    if not audio:
        message = "The file has no audio track"
        return Decision(wishes.languages, wishes.source, None, "no_audio_tracks", (), message)
    counted_as = _undetermined(rules, context, audio)
    candidates = [_candidate(track, wishes, counted_as) for track in audio]
    allowed = _allowed(candidates, rules)
    equals = _best(allowed)
    chosen = _preferred(equals, rules) if equals else _only(candidates)
    reason, message = _verdict(chosen, candidates, wishes)
    explained = tuple(
        Explained(
            candidate.track,
            candidate is chosen,
            _why_chosen(candidate, equals, wishes, rules)
            if candidate is chosen
            else _why_not(candidate, chosen, allowed, equals, wishes, rules),
        )
        for candidate in candidates
    )
    return Decision(
        wishes.languages,
        wishes.source,
        chosen.track if chosen else None,
        reason,
        explained,
        message,
    )


def told(decision: Decision, place: Place = "kept", *, dry_run: bool = False) -> str:
    """What is done to the file, in one sentence: the decision, and what becomes of the place.

    A dry run says it so: "Would set default audio track to 'jpn'".
    """
    message = decision.message
    if dry_run and decision.reason is None:
        message = f"Would {message[0].lower()}{message[1:]}"
    if place == "kept":
        return message
    return f"{message}; {_NEW_PLACES[place, dry_run]}"


# --- choosing -----------------------------------------------------------------


def _undetermined(rules: Rules, context: Context, audio: Sequence[Track]) -> str:
    """The language that a track without one counts as."""
    if rules.undetermined is None:
        return UNDETERMINED
    if rules.undetermined.casefold() == ORIGINAL:
        return original_language(context, audio) or UNDETERMINED
    return languages.normalise(rules.undetermined)


def _candidate(track: Track, wishes: Wishes, counted_as: str) -> _Candidate:
    language = counted_as if track.language == UNDETERMINED else track.language
    wish, rank = None, languages.NO_MATCH
    for position, wished in enumerate(wishes.languages):
        rank = languages.matches(wished, language)
        if rank:
            wish = position
            break
    return _Candidate(
        track,
        supplementary.kind(track),
        language,
        wish,
        rank,
        supplementary.has_clearer_speech(track),
    )


def _allowed(candidates: Sequence[_Candidate], rules: Rules) -> list[_Candidate]:
    """All, without the supplementary ones while there is an ordinary one."""
    if not rules.avoid_supplementary:
        return list(candidates)
    ordinary = [candidate for candidate in candidates if candidate.kind is None]
    return ordinary or list(candidates)


def _best(allowed: Sequence[_Candidate]) -> list[_Candidate]:
    """Those that meet the strongest wish equally well, in file order; none without a match."""
    matching = [candidate for candidate in allowed if candidate.wish is not None]
    if not matching:
        return []
    best = min(candidate.fit for candidate in matching)
    return [candidate for candidate in matching if candidate.fit == best]


def _preferred(equals: Sequence[_Candidate], rules: Rules) -> _Candidate:
    """Among equals: the best by selection.prefer, then the current default, then the first."""
    return max(
        equals,
        key=lambda candidate: (_merit(candidate.track, rules), candidate.track.default),
    )


def _merit(track: Track, rules: Rules) -> tuple[int, ...]:
    match rules.prefer:
        case "channels":
            return (track.channels or 0,)
        case "quality":
            return (int(_is_lossless(track)), track.channels or 0)
        case "compatible":
            return (_COMPATIBLE.get(track.codec, 0),)
        case "first":
            return ()


def _is_lossless(track: Track) -> bool:
    codec = track.codec
    if codec in _LOSSLESS or codec.startswith("pcm_"):
        return True
    return codec.startswith("dts") and bool(_LOSSLESS_TITLE.search(f"{codec} {track.title or ''}"))


def _only(candidates: Sequence[_Candidate]) -> _Candidate | None:
    """A file's single audio track, where it is not the default one yet."""
    if len(candidates) == 1 and not candidates[0].track.default:
        return candidates[0]
    return None


# --- saying so ----------------------------------------------------------------


def _verdict(
    chosen: _Candidate | None, candidates: Sequence[_Candidate], wishes: Wishes
) -> tuple[str | None, str]:
    """The skip reason, if any, and the message."""
    if chosen is None:
        return "no_matching_track", _nothing_matches(candidates, wishes)
    code = languages.short_code(chosen.language)
    if [c for c in candidates if c.track.default] == [chosen]:
        return "already_correct", f"The default audio track is '{code}' already"
    return None, f"Set default audio track to '{code}'"


def _nothing_matches(candidates: Sequence[_Candidate], wishes: Wishes) -> str:
    wished = " or ".join(languages.short_code(language) for language in wishes.languages)
    unknown = "the original language is not known" if wishes.original_missing else ""
    if not wished:
        return f"No language is wished for{': ' + unknown if unknown else ''}"
    present = ", ".join(
        languages.short_code(candidate.track.language)
        + (f" ({candidate.kind})" if candidate.kind else "")
        for candidate in candidates
    )
    message = f"No audio track matches {wished}; the file has {present}"
    return f"{message}; {unknown}" if unknown else message


def _why_chosen(
    candidate: _Candidate, equals: Sequence[_Candidate], wishes: Wishes, rules: Rules
) -> str:
    if candidate.wish is None:
        return f"{_speech(candidate)}: meets no wish, but it is the file's only audio track"
    said = f"{_speech(candidate)}: {_wish(candidate, wishes)} ({wishes.source})"
    if wishes.original_missing:
        said += ", the original language is not known"
    if candidate.kind:
        said += f", {candidate.kind}"
    others = [other for other in equals if other is not candidate]
    return f"{said}, {_advantage(candidate, others, rules)}" if others else said


def _advantage(chosen: _Candidate, others: Sequence[_Candidate], rules: Rules) -> str:
    """What the chosen track has before its equals."""
    merit = _merit(chosen.track, rules)
    if any(_merit(other.track, rules) < merit for other in others):
        return {
            "channels": f"the most channels ({chosen.track.channels})",
            "quality": "the best quality",
            "compatible": f"the most compatible format ({chosen.track.codec})",
        }[rules.prefer]
    return "the default already" if chosen.track.default else "the first of its kind"


def _why_not(
    candidate: _Candidate,
    chosen: _Candidate | None,
    allowed: Sequence[_Candidate],
    equals: Sequence[_Candidate],
    wishes: Wishes,
    rules: Rules,
) -> str:
    speech = _speech(candidate)
    if candidate not in allowed:
        return f"{speech}: {candidate.kind}, never chosen while there is an ordinary track"
    if candidate.wish is None or chosen is None:
        if candidate.language == UNDETERMINED:
            return "Undetermined: counts as no language (selection.undetermined)"
        return f"{speech}: not wished for ({wishes.source})"
    wish = _wish(candidate, wishes)
    if candidate.wish != chosen.wish:
        return f"{speech}: {wish}, but {_speech(chosen)} comes before"
    if candidate.rank != chosen.rank:
        return f"{speech}: {wish} too, but {_speech(chosen)} fits it better"
    if chosen.track.enabled and not candidate.track.enabled:
        return f"{speech}: {wish} too, but disabled in the file"
    if candidate not in equals:
        return f"{speech}: {wish} too, but mixed for the hard of hearing"
    return f"{speech}: {wish} too, but {_drawback(candidate, chosen, rules)}"


def _drawback(candidate: _Candidate, chosen: _Candidate, rules: Rules) -> str:
    """What the chosen track has before this one, its equal."""
    if _merit(candidate.track, rules) < _merit(chosen.track, rules):
        return {
            "channels": f"with fewer channels ({candidate.track.channels or 'unknown'})",
            "quality": "of lower quality",
            "compatible": f"in a less compatible format ({candidate.track.codec})",
        }[rules.prefer]
    return "another one is the default already" if chosen.track.default else "not the first"


def _wish(candidate: _Candidate, wishes: Wishes) -> str:
    """ "first wish", "second wish, the original language", "first wish Portuguese (BR)"."""
    assert candidate.wish is not None
    position = candidate.wish
    words = f"{_ORDINALS[position] if position < len(_ORDINALS) else f'{position + 1}th'} wish"
    wished = wishes.languages[position]
    if candidate.rank != languages.FULL:
        words += f" {languages.name(wished)}"
    return f"{words}, the original language" if wished == wishes.original else words


def _speech(candidate: _Candidate) -> str:
    """The track's language as a sentence begins with it."""
    if candidate.language != candidate.track.language:
        return f"Undetermined, counted as {languages.name(candidate.language)}"
    spoken = languages.name(candidate.language)
    return spoken[0].upper() + spoken[1:]
