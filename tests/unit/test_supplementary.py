"""Which audio tracks only accompany the programme."""

from __future__ import annotations

import pytest

from arrtheaudio.media.supplementary import (
    COMMENTARY,
    DESCRIPTION,
    MUSIC,
    has_clearer_speech,
    kind,
)
from arrtheaudio.media.tracks import Track


def titled(title: str | None, **flags: bool) -> Track:
    return Track(index=1, number=2, type="audio", codec="aac", title=title, **flags)


@pytest.mark.parametrize(
    "title",
    [
        "Commentary",
        "Audio Commentary with Director Jane Doe",
        "English (Director’s Commentary) 2.0",
        "Cast & Crew Commentaries",
        "Feature with director John Doe",
        "By film historian Jane Doe",
        "Director's notes",
        "RiffTrax",
        "Kommentar",
        "Audiokommentar",
        "Regiekommentar mit dem Team",
        "Kommentarspor",
        "Kommentarspår",
        "Commentaire audio du réalisateur",
        "Comentarios del director",
        "Audiocomentario",
        "Comentário do diretor",
        "Commento del regista",
        "Audiocommentaar",
        "Komentarz reżysera",
        "Komentář režiséra",
        "Audiokommentár",
        "Kommenttiraita",
        "Yönetmen yorumu",
        "Комментарии режиссёра",
        "Коментар",
        "Σχολιασμός",
        "オーディオコメンタリー",
        "ｵｰﾃﾞｨｵｺﾒﾝﾀﾘｰ",
        "导演评论",
        "解说音轨",
        "코멘터리",
        "COMMENTARY BY THE CAST",
    ],
)
def test_a_title_tells_a_commentary(title: str) -> None:
    assert kind(titled(title)) == COMMENTARY


@pytest.mark.parametrize(
    "title",
    [
        "AD",
        "ad",
        "English AD",
        "English (AD)",
        "[AD] English",
        "AD - English Stereo",
        "DVS",
        "English DVS 2.0",
        "Audio Description",
        "Audiodescription commentary",
        "English Audio-Described",
        "Descriptive Audio",
        "Descriptive Video Service",
        "English for the visually impaired",
        "Audiodeskription",
        "Hörfilmfassung",
        "Für Blinde",
        "Audiodescripción",
        "Audiodescrizione per non vedenti",
        "Audiodescrição",
        "Malvoyants",
        "Audiodeskrypcja",
        "Syntolkning",
        "Synstolkning",
        "Kuvailutulkkaus",
        "Тифлокомментарий",
        "Sesli betimleme",
        "音声解説",
        "口述影像",
        "화면해설",
    ],
)
def test_a_title_tells_an_audio_description(title: str) -> None:
    assert kind(titled(title)) == DESCRIPTION


@pytest.mark.parametrize(
    "title",
    [
        "Isolated Score",
        "Isolated Music Track 5.1",
        "Music Only",
        "Score only",
        "Music & Effects",
        "M&E",
        "Isolierte Filmmusik",
        "Musique isolée",
        "Karaoke",
        "カラオケ",
        "Instrumental",
    ],
)
def test_a_title_tells_music_without_the_programme(title: str) -> None:
    assert kind(titled(title)) == MUSIC


@pytest.mark.parametrize(
    "title",
    [
        None,
        "",
        "English",
        "Surround 5.1",
        "Ten Commandments Mix",
        "Director's Cut",
        "Commencement",
        "Adagio",
        "Ad Astra",
        "Radio",
        "79 AD",
        "Dubbing AD 1998 Remaster",
        "No commentary",
        "English (without commentary)",
        "Ohne Kommentar",
        "Sans commentaire",
        "VFF DTS-HD MA",
        "Score: 10/10 mix",
        "Musical version",
        "Descrambled",
        "Castilian",
        "日本語",
        "国语",
        "Lektor",
    ],
)
def test_ordinary_titles_stay_ordinary(title: str | None) -> None:
    assert kind(titled(title)) is None


def test_flags_tell_it_whatever_the_title_says() -> None:
    assert kind(titled("English", commentary=True)) == COMMENTARY
    assert kind(titled("English", visual_impaired=True)) == DESCRIPTION
    assert kind(titled("Commentary", commentary=False)) == COMMENTARY


def test_only_the_beginning_of_a_forged_title_is_read() -> None:
    assert kind(titled("x" * 65_536 + " commentary")) is None


@pytest.mark.parametrize("title", ["Enhanced Dialogue", "English - Clean Audio", "Dialogue Boost"])
def test_clearer_speech_is_a_programme_of_its_own_kind(title: str) -> None:
    assert kind(titled(title)) is None
    assert has_clearer_speech(titled(title))
    assert not has_clearer_speech(titled(title, hearing_impaired=False))


def test_clearer_speech_by_flag() -> None:
    assert has_clearer_speech(titled(None, hearing_impaired=True))
    assert not has_clearer_speech(titled("English"))
