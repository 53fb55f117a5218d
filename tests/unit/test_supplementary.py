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


# What muxers write, by language: titles of commentaries, of audio descriptions, and of
# ordinary tracks that a careless rule would take for one of them.
TITLES: dict[str, tuple[list[str], list[str], list[str]]] = {
    "en": (
        [
            "Director's Comments",
            "Comments by the director",
            "Commentary by Roger Ebert",
            "Filmmaker Commentary",
            "Cast & Crew",
            "Director Jane Doe and cast",
            "With director of photography John Doe",
            "From the filmmakers",
            "English_Commentary_2.0",
            "Commentary - Director's Cut",
        ],
        [
            "English DD 2.0 AD",
            "AC3 5.1 AD",
            "English AD 2.0",
            "English AD (Stereo)",
            "English (AD 2.0)",
            "English_AD",
            "English AD AAC",
            "eng AD track",
            "AD: English",
            "Descriptive",
            "English Descriptive",
            "English [Descriptive]",
            "Descriptive (English)",
            "English - Described",
            "Video Description",
            "Narrative Description",
            "English - Audio Desc.",
        ],
        [
            "Audio from Director's Cut",
            "Audio from Directors Cut",
            "English 5.1 (from Director’s Cut Blu-ray)",
            "Stereo from the Producer's Edition",
            "Audio from Crew Edition",
            "Theatrical with Producer's credits",
            "With the Cast Recording",
            "From the producers of Heat",
            "5.1 mix approved by the director",
            "Remixed with director Jane Doe",
            "Director-approved mono",
            "by director-approved transfer",
            "Pompeii 79 AD",
            "Rome 476 AD (Remastered)",
            "1066 AD 2.0",
            "Anno AD",
            "AD ASTRA",
            "AD ASTRA (2019) 5.1",
            "English 5.1 (no ADs)",
            "LOAD 2.0",
            "Indescribable",
            "Non-descriptive",
            "Crewcut and casting",
        ],
    ),
    "de": (
        ["Mit Regisseur Max Muster", "Kommentar der Regisseurin", "Deutsch (Audiokommentar) 2.0"],
        ["Deutsch AD 2.0", "Hörfassung", "Deutsch mit Audiodeskription", "Deutsch (Hörfilm)"],
        ["Ohne Audiokommentar", "Deutsch (Kinofassung)", "Regiefassung", "Neusynchronisation"],
    ),
    "fr": (
        ["Avec le réalisateur", "Commentaires de l'équipe", "VF (commentaire audio)"],
        ["VF AD", "VFF AD 2.0", "Français (audiodescription)", "Audio-description"],
        ["VFQ", "Version longue du réalisateur", "Français (sans audiodescription)", "Comment ça"],
    ),
    "es": (
        ["Con el director", "Español - Comentario", "Comentarios del reparto"],
        ["Castellano AD (Estéreo)", "Español (audiodescripción)", "Latino - Audiodescrito"],
        ["Montaje del director", "Español (Latino)", "Castellano sin comentarios"],
    ),
    "pt": (
        ["Com o diretor", "Comentários do elenco"],
        ["Português AD 2.0", "Português (Brasil) - Audiodescrição"],
        ["Versão do diretor", "Português (Brasil)", "Dublagem clássica"],
    ),
    "it": (
        ["Con il regista", "Commento audio", "Commenti del cast"],
        ["Italiano AD 2.0", "Audio descrizione"],
        ["Versione del regista", "Ridoppiaggio", "Italiano senza commento"],
    ),
    "nl": (
        ["Audiocommentaar", "Nederlands (commentaar)"],
        ["Vlaams AD 2.0", "Audiobeschrijving"],
        ["Vlaams", "Nederlands zonder commentaar"],
    ),
    "ja": (
        ["日本語 (監督コメンタリー)"],
        ["日本語 音声ガイド", "視覚障害者用副音声"],
        ["日本語 5.1ch", "吹替", "監督版"],
    ),
    "zh": (
        ["导演评论音轨", "導演評論"],
        ["口述影像版", "无障碍版"],
        ["国语 5.1", "粤语", "导演剪辑版"],
    ),
    "ko": (["감독 코멘터리"], ["한국어 화면해설"], ["한국어 더빙", "감독판"]),
    "ru": (
        ["Комментарии съёмочной группы"],
        ["Тифлоперевод", "Аудиодескрипция"],
        ["Дубляж", "Режиссёрская версия", "Без комментариев"],
    ),
    "pl": (["Komentarz twórców"], ["Polski (audiodeskrypcja)"], ["Lektor PL", "Bez komentarza"]),
    "en, of others": (
        ["NO - Commentary"],
        ["NO AD"],
        ["English (no AD)", "No DVS", "Deutsch (ohne AD)", "VF sans AD"],
    ),
    "sv": (["Kommentarspår med regissören"], ["Svenska (syntolkning)"], ["Svenska 5.1"]),
    "el": (["Σχόλια σκηνοθέτη", "ΣΧΟΛΙΑ"], [], ["Ελληνικά 5.1"]),
    "no": (["NO Kommentarspor", "Kommentarspor med regissøren"], [], ["NO 5.1", "NO COMMENTARY"]),
    "vi": (["Tiếng Anh (bình luận)"], [], ["Thuyết minh", "Lồng tiếng"]),
}
RULES = [
    pytest.param(title, wanted, id=f"{language}: {title}")
    for language, columns in TITLES.items()
    for titles, wanted in zip(columns, (COMMENTARY, DESCRIPTION, None), strict=True)
    for title in titles
]


@pytest.mark.parametrize(("title", "wanted"), RULES)
def test_what_a_title_says_in_each_language(title: str, wanted: str | None) -> None:
    assert kind(titled(title)) == wanted


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


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("English AD DDP2.0", DESCRIPTION),
        ("English AD AAC2.0", DESCRIPTION),
        ("English AD DD+5.1", DESCRIPTION),
        ("English AD E-AC-3", DESCRIPTION),
        ("AD5.1", DESCRIPTION),
        ("Voz descriptiva", DESCRIPTION),
        ("Narración descriptiva", DESCRIPTION),
        ("Descripción de audio", DESCRIPTION),
        ("Áudio-descrição", DESCRIPTION),
        ("Áudio descrição", DESCRIPTION),
        ("Descrição de áudio", DESCRIPTION),
        ("Descrizione audio", DESCRIPTION),
        ("Description audio", DESCRIPTION),
        ("Descriere audio", DESCRIPTION),
        ("VFF AudioVision", DESCRIPTION),
        ("VFQ (vidéodescription)", DESCRIPTION),
        ("Zvukový popis", DESCRIPTION),
        ("Ακουστική περιγραφή", DESCRIPTION),
        ("Аудіодескрипція", DESCRIPTION),
        ("Аудіоопис", DESCRIPTION),
        ("語音描述", DESCRIPTION),
        ("Isolated Original Score", MUSIC),
        ("Isolated 5.1 Score", MUSIC),
        ("Isolierter Score", MUSIC),
        ("Musik und Effekte", MUSIC),
        ("Dr. No Commentary", COMMENTARY),
        ("English 5.1 (副音声)", DESCRIPTION),
        ("英語 (副音声)", None),
        ("副音声（英語）", None),
        ("No director's commentary", None),
        ("Commentary-free", None),
        ("Kein Kommentar", None),
        ("Keine Audiodeskription", None),
        ("Uden synstolkning", None),
        ("Ilman kommenttiraitaa", None),
        ("Χωρίς σχόλια", None),
        ("AAD 5.1", None),
        ("5.1 remix by director Jane Doe", None),
        ("Overseen by director Jane Doe", None),
        ("Audiovisual", None),
        ("Director of audio", None),
    ],
)
def test_titles_of_real_releases(title: str, wanted: str | None) -> None:
    assert kind(titled(title)) == wanted
