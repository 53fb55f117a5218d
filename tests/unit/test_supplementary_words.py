"""A title for each word that the rules for commentaries, descriptions and music name."""

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


def titled(title: str) -> Track:
    return Track(index=1, number=2, type="audio", codec="aac", title=title)


PEOPLE = [
    *("director", "directors", "writer", "writers", "producer", "producers", "screenwriter"),
    *("screenwriters", "cast", "crew", "filmmaker", "film makers", "historian", "film historians"),
    "co-director",
]


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize(
    "title", ["With {}", "By the {}", "Feat. {}", "{} & cast", "Crew and the {}", "Writers + {}"]
)
def test_whoever_speaks_in_a_commentary_makes_it_one(title: str, who: str) -> None:
    assert kind(titled(title.format(who))) == COMMENTARY


@pytest.mark.parametrize(
    "title",
    [
        "Director Jane & crew",
        "Director Jane Doe and the cast",
        "Director and cast of photography",
        "Cast and director of photography",
        "Director Jane and cast of photography",
    ],
)
def test_a_director_by_name_speaks_with_others(title: str) -> None:
    assert kind(titled(title)) == COMMENTARY


@pytest.mark.parametrize("people", ["From the cast", "Cast & crew", "Director Jane Doe and cast"])
@pytest.mark.parametrize(
    "what", ["cut", "edition", "version", "release", "credits", "recording", "album", "approved"]
)
def test_whose_version_it_is_does_not_speak_in_it(people: str, what: str) -> None:
    assert kind(titled(f"{people} {what}")) is None
    assert kind(titled(f"{people}’s {what} 5.1")) is None


@pytest.mark.parametrize("people", ["From the cast", "Cast & crew", "Director Jane Doe and cast"])
def test_whose_other_work_it_is_does_not_speak_in_it(people: str) -> None:
    assert kind(titled(f"{people} of Heat")) is None


@pytest.mark.parametrize(
    "how",
    [
        *("approved", "supervised", "overseen", "endorsed", "mix", "mixed", "remix", "remixed"),
        *("restored", "mastered", "remastered", "produced", "made", "created"),
    ],
)
@pytest.mark.parametrize("by", ["by", "with"])
def test_who_made_a_mix_does_not_speak_in_it(how: str, by: str) -> None:
    assert kind(titled(f"5.1 {how} {by} the director")) is None


@pytest.mark.parametrize(
    "title",
    [
        *("Commentaries", "Commentator", "The commentators", "Comments"),
        *("Director track", "Directors notes", "Director's comment"),
        *("Mit Regisseur", "Mit der Regisseurin", "Mit dem Regisseur", "Mit den Regisseuren"),
        *(
            "Mit Drehbuchautor",
            "Mit den Drehbuchautoren",
            "Mit der Drehbuchautorin",
        ),
        *("Avec réalisateur", "Avec la réalisatrice", "Avec les réalisateurs"),
        *("Con director", "Con la directora", "Con los directora", "Con il regista", "Con regista"),
        *("Com a diretora", "Com o diretor"),
        *("Kommentare", "Regiekommentarer", "Kommentaren", "Audiokommentarok", "Kommentarspur"),
        *("Kommentartrack", "Kommentari"),
        *("Kommentár", "Kommentárok", "Rendezői kommentárja"),
        *("Comentari", "Comentariu", "Comentaris", "Audiocomentari", "Comentário", "Comentários"),
        *("Komentar", "Komentari", "Komentarze", "Komentář", "Komentar režiséra", "Komentár"),
        *("Kommentit", "Kommenttiraita", "Kommentaariga"),
        *("Yorum", "Yorumlu", "Yönetmen yorumları", "Yorumlar"),
        *("実況", "監督解説", "解说", "解說", "評論", "评论", "評述", "评述", "導評", "导评"),
        *("감독 해설", "bình luận"),
    ],
)
def test_each_word_for_a_commentary_makes_it_one(title: str) -> None:
    assert kind(titled(title)) == COMMENTARY


@pytest.mark.parametrize(
    "title",
    [
        *("Audio desc", "Audio descriptions", "Audio Descriptive", "Audio described"),
        *("Video description", "Visual description", "Scene description"),
        *(f"Described {what} 2.0" for what in ("audio", "video", "service", "narration")),
        *("Described track 2.0", "Described version 2.0", "For the blind", "For the visually"),
        *("Visually impaired", "Vision impaired"),
        *("Descripción en audio", "Description de audio", "Narração descritiva"),
        *(
            "Narração descriptiva",
            "Voix descriptive",
            "Bildbeschreibung",
            "Blindenfassung",
            "Für Sehbehinderte",
        ),
        *("Malvoyant", "Mal-voyants", "Aveugles", "Para invidentes", "Para ciegos"),
        *("Non vedenti", "Voor blinden", "Audiopopis", "Pro nevidomé", "Dla niewidomych"),
        *("Audionarráció", "Látássérülteknek", "Аудиоописание", "Аудиодескрипция"),
        *("Ηχητική περιγραφή", "תיאור קולי", "وصف صوتي", "الوصف الصوتي"),
        *("Zvučni opis", "Zvočni opis", "Mô tả âm thanh", "Mô tả bằng âm thanh"),
        *("เสียงบรรยายภาพ", "画面解説", "解説放送", "視覚障害者用", "副音声", "副音声解説"),
        *("视障", "視障", "无障碍", "無障礙", "语音描述", "音频描述", "音訊描述"),
    ],
)
def test_each_word_for_an_audio_description_makes_it_one(title: str) -> None:
    assert kind(titled(title)) == DESCRIPTION


@pytest.mark.parametrize(
    "title", ["英語副音声", "英語 副音声", "英語(副音声", "副音声(原語)", "副音声 英語"]
)
def test_the_second_sound_of_television_is_the_original_where_it_says_so(title: str) -> None:
    assert kind(titled(title)) is None


@pytest.mark.parametrize(
    "title",
    [
        *(f"Isolated {what}" for what in ("score", "music", "track", "audio", "soundtrack")),
        *("Isolated film audio", "Musik & Effekte", "Music and effects", "Music & sound effects"),
        *("Isolierte Musik", "Isolierte Filmmusik", "Nur Musik", "Musique seule"),
        *("Música aislada", "Música isolada", "Musica isolata", "Караоке", "卡拉OK", "노래방"),
    ],
)
def test_each_word_for_the_music_alone_makes_it_that(title: str) -> None:
    assert kind(titled(title)) == MUSIC


@pytest.mark.parametrize(
    "format",
    [
        *("stereo", "mono", "surround", "track", "audio", "mix", "AAC", "AC3", "EAC3", "DD", "DDP"),
        *("DDP5.1", "Dolby", "DTS", "Opus", "FLAC", "2.0", "2ch", "6 ch", "(x)", "[x]"),
    ],
)
def test_ad_before_a_format_is_a_description(format: str) -> None:
    assert kind(titled(f"English AD {format} x")) == DESCRIPTION


@pytest.mark.parametrize(("title", "wanted"), [("(AD) x", DESCRIPTION), ("[AD] x", DESCRIPTION)])
def test_ad_in_brackets_is_a_description(title: str, wanted: str) -> None:
    assert kind(titled(f"English {title}")) == wanted


@pytest.mark.parametrize(
    "title", ["Pompeii AD monologue", "English AD trackable", "English AD mixture"]
)
def test_ad_before_a_word_that_begins_like_a_format_is_none(title: str) -> None:
    assert kind(titled(title)) is None


@pytest.mark.parametrize("title", ["AD astra", "AD Vitam aeternam", "AD libitum"])
def test_ad_of_latin_is_none(title: str) -> None:
    assert kind(titled(title)) is None


NO = [
    *("no", "non", "not", "without", "w/o", "ohne", "sans", "sin", "sem", "senza", "zonder", "bez"),
    *("без", "uten", "utan"),
]


@pytest.mark.parametrize("word", NO)
def test_without_a_description_is_an_ordinary_track(word: str) -> None:
    for title in (f"English {word} AD", f"English {word} DVS", f"English {word} audiodescription"):
        assert kind(titled(title)) is None


@pytest.mark.parametrize("word", [*NO, "keine", "kein", "uden", "ilman", "fără", "χωρίς"])
def test_without_a_commentary_is_an_ordinary_track(word: str) -> None:
    assert kind(titled(f"English {word} commentary")) is None


@pytest.mark.parametrize(
    "between", ["the", "any", "de", "di", "cast", "director's", "directors", "audio"]
)
def test_without_whose_commentary_is_an_ordinary_track(between: str) -> None:
    assert kind(titled(f"Without {between} commentary")) is None


@pytest.mark.parametrize("title", ["Commentary-free", "Kommentar frei", "Audiodeskription-frei"])
def test_free_of_it_is_an_ordinary_track(title: str) -> None:
    assert kind(titled(title)) is None


def test_the_doctor_of_that_name_is_no_negation() -> None:
    assert kind(titled("Dr No Commentary")) == COMMENTARY
    assert kind(titled("Dr. No Commentary")) == COMMENTARY


@pytest.mark.parametrize(
    "title",
    [
        *("Enhanced dialog", "Clear dialogue", "Clearer dialogue", "Boosted dialogue"),
        *("Dialog boost", "Dialogue +", "Clean audio", "Hearing impaired", "Klare Sprache"),
    ],
)
def test_each_word_for_clearer_speech_tells_it(title: str) -> None:
    assert has_clearer_speech(titled(title))
    assert kind(titled(title)) is None


def test_what_a_title_says_late_is_not_looked_at() -> None:
    assert kind(titled("x" * 240 + " commentary")) == COMMENTARY
    assert kind(titled("x" * 250 + " commentary")) is None
    assert kind(titled("\ufdfa" * 100 + " commentary")) is None  # 18 characters each, written out
    assert has_clearer_speech(titled("x" * 240 + " clean audio"))
    assert not has_clearer_speech(titled("x" * 250 + " clean audio"))
