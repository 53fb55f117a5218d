"""Laws of choosing, over any tracks and rules."""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from arrtheaudio.media import supplementary
from arrtheaudio.media.choose import decide, told
from arrtheaudio.media.languages import matches, name, normalise, short_code
from arrtheaudio.media.tracks import Context, Decision, Media, Rules, Track

codes = st.sampled_from(
    ["en", "en-US", "de", "ja", "pt", "pt-BR", "es-419", "es-MX", "zh", "cmn", "yue", "no", "und"]
)
words = st.one_of(codes, st.just("original"), st.text(max_size=8))
wishes = st.lists(words, max_size=4).map(tuple)
titles = st.one_of(
    st.none(), st.sampled_from(["Commentary", "AD", "Karaoke", "DTS-HD MA"]), st.text(max_size=20)
)
tristate = st.sampled_from([None, None, False, True])

audio_tracks = st.builds(
    Track,
    index=st.just(0),
    number=st.just(0),
    type=st.just("audio"),
    codec=st.sampled_from(["aac", "ac3", "dts", "truehd", "flac", "pcm_s16le", ""]),
    language=codes,
    title=titles,
    channels=st.one_of(st.none(), st.integers(1, 10)),
    default=st.booleans(),
    original=tristate,
    commentary=tristate,
    visual_impaired=tristate,
    hearing_impaired=tristate,
)
other_tracks = st.builds(
    Track,
    index=st.just(0),
    number=st.just(0),
    type=st.sampled_from(["video", "subtitles", "other"]),
    codec=st.just("x"),
    language=codes,
    default=st.booleans(),
)
overrides = st.lists(st.tuples(st.sampled_from(["anime", "dub", "kids"]), wishes), max_size=2)
globs = st.sampled_from(["/media/**", "/media/{a,b}/*", "anime", "[", "{", "!", "\\", "/**/x"])
rules = st.builds(
    Rules,
    language_priority=wishes,
    path_overrides=st.lists(st.tuples(globs, wishes), max_size=2).map(tuple),
    tag_overrides=overrides.map(tuple),
    series_type_overrides=overrides.map(tuple),
    prefer=st.sampled_from(["first", "channels", "quality", "compatible"]),
    undetermined=st.one_of(st.none(), words),
    avoid_supplementary=st.booleans(),
)
contexts = st.builds(
    Context,
    original_language=st.one_of(st.none(), words),
    series_type=st.one_of(st.none(), st.sampled_from(["anime", "Daily"])),
    tags=st.lists(st.sampled_from(["DUB", "kids"]), max_size=2).map(tuple),
    language_priority=st.one_of(st.none(), wishes),
)
paths = st.sampled_from([b"/media/a/x.mkv", b"/media/anime/caf\xe9.mkv", b"/x"])


@st.composite
def media(draw: st.DrawFn, tracks: st.SearchStrategy[Track] = audio_tracks | other_tracks) -> Media:
    drawn = draw(st.lists(tracks, max_size=6))
    numbered = (attrs.evolve(track, index=i, number=i + 1) for i, track in enumerate(drawn))
    return Media(container="mkv", size=1, tracks=tuple(numbered))


@given(media(), rules, contexts, paths)
def test_a_decision_is_sound(media: Media, rules: Rules, context: Context, path: bytes) -> None:
    decision = decide(media, rules, context, path)
    assert [explained.track for explained in decision.tracks] == list(media.audio)
    assert all(explained.why for explained in decision.tracks)
    chosen = [explained.track for explained in decision.tracks if explained.chosen]
    assert chosen == ([decision.chosen] if decision.chosen else [])
    assert len(set(decision.wishes)) == len(decision.wishes)
    if decision.chosen is None:
        assert decision.reason == ("no_matching_track" if media.audio else "no_audio_tracks")
    else:
        defaults = [track for track in media.audio if track.default]
        already = defaults == [decision.chosen]
        assert decision.reason == ("already_correct" if already else None)
    assert told(decision, dry_run=True).startswith("Would set ") == (decision.reason is None)


@given(media(), rules, contexts, paths)
def test_no_supplementary_track_beside_an_ordinary_one(
    media: Media, rules: Rules, context: Context, path: bytes
) -> None:
    rules = attrs.evolve(rules, avoid_supplementary=True)
    chosen = decide(media, rules, context, path).chosen
    if chosen and any(supplementary.kind(track) is None for track in media.audio):
        assert supplementary.kind(chosen) is None


@given(media(), rules, contexts, paths)
def test_the_chosen_track_meets_the_strongest_wish_that_any_meets(
    media: Media, rules: Rules, context: Context, path: bytes
) -> None:
    rules = attrs.evolve(rules, undetermined=None)
    decision = decide(media, rules, context, path)
    ordinary = [track for track in media.audio if supplementary.kind(track) is None]
    allowed = (ordinary if rules.avoid_supplementary else ()) or media.audio
    met = [
        wish for wish in decision.wishes if any(matches(wish, track.language) for track in allowed)
    ]
    if met:
        assert decision.chosen in allowed
        best = max(matches(met[0], track.language) for track in allowed)
        assert matches(met[0], decision.chosen.language) == best
    else:
        assert decision.chosen is None or len(media.audio) == 1


def verdict(decision: Decision) -> tuple[object, ...]:
    chosen = decision.chosen
    return (decision.reason, chosen and chosen.language, chosen and chosen.channels)


@given(media(), st.lists(other_tracks, max_size=3), rules, contexts, paths)
def test_tracks_that_are_no_audio_do_not_matter(
    media: Media, others: list[Track], rules: Rules, context: Context, path: bytes
) -> None:
    audio_only = attrs.evolve(media, tracks=media.audio)
    mixed = attrs.evolve(media, tracks=(*others, *media.audio))
    assert decide(audio_only, rules, context, path) == decide(mixed, rules, context, path)


@given(media(audio_tracks), rules, contexts, paths, st.randoms(use_true_random=False))
def test_the_order_of_tracks_matters_only_among_equals(
    media: Media, rules: Rules, context: Context, path: bytes, random: object
) -> None:
    rules = attrs.evolve(rules, prefer="channels")
    context = attrs.evolve(context, original_language="en")
    plain = tuple(attrs.evolve(track, default=False) for track in media.tracks)
    shuffled = list(plain)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    before, after = (
        decide(attrs.evolve(media, tracks=tuple(tracks)), rules, context, path)
        for tracks in (plain, shuffled)
    )
    assert (before.reason, before.wishes) == (after.reason, after.wishes)
    assert (before.chosen is None) == (after.chosen is None)
    if before.chosen and after.chosen:
        assert before.chosen.channels == after.chosen.channels


@given(media(), rules, contexts, paths)
def test_carrying_out_a_decision_settles_the_file(
    media: Media, rules: Rules, context: Context, path: bytes
) -> None:
    decision = decide(media, rules, context, path)
    if decision.chosen is None:
        return
    edited = tuple(
        attrs.evolve(track, default=track.index == decision.chosen.index)
        if track.type == "audio"
        else track
        for track in media.tracks
    )
    again = decide(attrs.evolve(media, tracks=edited), rules, context, path)
    if again.chosen is None:  # a single track that meets no wish
        assert len(media.audio) == 1
    else:
        assert (again.chosen.index, again.reason) == (decision.chosen.index, "already_correct")


tags = st.one_of(
    codes,
    st.text(max_size=45),
    st.from_regex(r"[A-Za-z]{2,4}([-_][A-Za-z0-9]{1,8}){0,4}", fullmatch=True),
)


@settings(max_examples=300)
@given(tags)
def test_the_normal_form_is_final_and_can_be_named(tag: str) -> None:
    normal = normalise(tag)
    assert normalise(normal) == normal
    assert normalise(normal.upper().replace("-", "_")) == normal
    assert name(normal)
    assert normalise(short_code(normal)) == normal
    assert matches(normal, normal)


@given(titles)
def test_any_title_is_of_some_kind(title: str | None) -> None:
    track = Track(index=0, number=1, type="audio", codec="aac", title=title)
    kinds = (None, supplementary.COMMENTARY, supplementary.DESCRIPTION, supplementary.MUSIC)
    assert supplementary.kind(track) in kinds
