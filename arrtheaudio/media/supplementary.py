"""Which audio tracks only accompany the programme: commentary, description, score.

A track says so by its flags or, mostly, by its title, in the language of
whoever muxed it. Knows nothing of wishes. media.md, "Choosing the track", 3.

Titles are matched by whole words, since a wrong hit would hide the track that
a viewer wants: "Commandments" or "from the Director's Cut" are no commentary, the
year 79 AD describes nothing. Compound words of German, Dutch and the Nordic
languages are matched by their stems. tests/unit/test_supplementary.py holds the
titles that these rules were made for, by language.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from arrtheaudio.media.tracks import Track

COMMENTARY: Final = "commentary"
DESCRIPTION: Final = "audio description"
MUSIC: Final = "music without the programme's sound"

# What a title says, it says at its beginning; the rest is not looked at.
_TITLE_CHARACTERS: Final = 256

# Who speaks in a commentary.
_PEOPLE: Final = (
    r"(?:co-)?(?:directors?|writers?|producers?|screenwriters?|cast|crew|film ?makers?"
    r"|(?:film )?historians?)\b"
)
# What makes of the person a version of the film, or its maker: "from the Director's Cut",
# "from the producers of …"; a director of photography is a person again.
_NO_SPEAKER: Final = (
    r"(?!['’]?s?[ -](?:cut|edition|version|release|credits?|recording|album|approved)\b)"
    r"(?! of (?!photography\b))"
)
_COMMENTARY: Final = (
    r"\bcomment(?:ary|aries|ators?|s)\b",
    r"\bdirectors?['’]?s? (?:track|notes|comment)\b",
    rf"\b(?:with|by|from|feat\.?) (?:the )?{_PEOPLE}{_NO_SPEAKER}",
    rf"\b{_PEOPLE} ?(?:&|and|\+) ?(?:the )?{_PEOPLE}{_NO_SPEAKER}",
    rf"\bdirector \w+(?: \w+)? (?:&|and) (?:the )?(?:cast|crew)\b{_NO_SPEAKER}",
    r"\brifftrax\b",
    r"\bmit (?:de[mr] |den )?(?:regisseur|drehbuchautor)(?:in|s|en)?\b",
    r"\bavec (?:le |la |les )?réalisat(?:eur|rice)s?\b",
    r"\bcon (?:el |la |il |los )?(?:directora?|regista)\b|\bcom [oa] diretora?\b",
    r"\b\w*kommentar(?:e|er|en|ok|spur|spor|spår|track|i)?\b",  # de, da, nb, sv, hr, sl
    r"\b\w*kommentár(?:ok|ja)?\b",  # hu
    r"\bcommentaires?\b",  # fr
    r"\b(?:audio)?comentari(?:os?|u|s)?\b",  # es, ro, ca
    r"\bcomentários?\b",  # pt
    r"\bcomment[oi]\b",  # it
    r"\b\w*commentaar(?:spoor)?\b",  # nl
    r"\bkomentar(?:z\w*|i)?\b",  # pl, sr
    r"\bkoment[áa]ř\w*",  # cs
    r"\bkoment[áa]r\b",  # sk, hr
    r"\bkommentti\w*|\bkommentit\b|\bkommentaari\w*",  # fi, et
    r"\byorum(?:u|lu|ları|lar)?\b",  # tr
    r"\bкомм?ентар\w*",  # ru, uk, bg, sr
    r"\bσχ[οό]λι\w*",  # el
    r"コメンタリー|実況|解説",
    r"解说|解說|評論|评论|評述|评述|導評|导评",
    r"코멘터리|해설",
    r"\bbình luận\b",  # vi
)
_DESCRIPTION: Final = (
    r"\baudio[ -]?desc(?:ri(?:ptions?|ptive|bed))?\b",
    r"\bdescriptive\b|\b(?:video|visual|narrative|scene) description\b",
    r"\bdescribed (?:audio|video|service|narration|track|version)\b|\bdescribed\W*$",
    r"\bfor the (?:blind|visually)\b|\b(?:visually|vision) impaired\b",
    r"\b[aá]udio[ -]?des[ck]r[iy]\w+",  # de, es, fr, id, it, pl, pt, ro
    r"\b(?:des[ck]rip\w*|descri[çz]\w*|descriere) (?:del? |en )?[aá]udio\b",  # es, fr, it, pt, ro
    r"\b(?:voz|narración|narraç[ãa]o|voix) descrip?ti?v[ae]\b|\bv[ií]d[eé]o-?descrip\w+",
    r"\baudio-?vision\b",  # fr
    r"\bhörf(?:ilm|assung)\w*|\bbildbeschreibung\b|\bblindenfassung\b",
    r"\bfür (?:blinde|sehbehinderte)\b",
    r"\b(?:mal-?voyants?|aveugles)\b",
    r"\b(?:invidentes|ciegos)\b|\bnon vedenti\b",
    r"\baudio[ -]?beschrijving\b|\bblinden\b",
    r"\bsyntolk\w*|\bsynstolk\w*|\bkuvailutulk\w*",
    r"\baudiopopis\w*|\bpro nevidomé\b|\bdla niewidomych\b",
    r"\baudionarráci\w*|\blátássérült\w*",
    r"\bsesli betimleme\w*",
    r"\bтифло\w*|\bауд[иі]о(?:описани|опис|дескрипц)\w*",
    r"\b(?:ακουστική|ηχητική) περιγραφή\b|תיאור קולי|وصف صوتي|الوصف الصوتي",
    r"\bzvukový popis\b|\bzv[uo]čni opis\b|\bmô tả (?:bằng )?âm thanh\b|เสียงบรรยายภาพ",
    r"音声ガイド|音声解説|画面解説|解説放送|視覚障害",
    r"(?<!英語)(?<!英語[ (])(?<!英語 \()副音声(?! ?\(?(?:英語|原語))",  # bilingual TV
    r"口述影像|视障|視障|无障碍|無障礙|(?:語音|语音|音频|音訊)描述",
    r"화면해설",
)
_MUSIC: Final = (
    r"\bisolated (?:[\w.]+ ){0,2}(?:score|music|track|audio|soundtrack)\b",
    r"\bisolierte[rs]? score\b|\bmusik (?:und|&) effekte\b",
    r"\b(?:music|score)[ -]only\b|\bmusic (?:and|&) (?:sound )?effects\b|\bm ?& ?e\b",
    r"\bisolierte\w* (?:film)?musik\b|\bnur musik\b",
    r"\bmusique (?:isolée|seule)\b|\bm[úu]sica (?:aislada|isolada)\b|\bmusica isolata\b",
    r"\binstrumental\b|\bkaraoke\b|\bкараоке\b|カラオケ|卡拉ok|노래방",
)
# "AD" and "DVS" are names only in capitals, and "AD" only where it stands alone (the whole
# title, in brackets, its first or last word) or before what a muxer says of any track: a
# layout, a format, a bracket. Years are behind their number, and Latin has its own "ad".
_NO_YEAR: Final = r"(?<!\b\d\d )(?<!\b\d{3} )(?<!\b\d{4} )(?<!Anno )"
_ABBREVIATED: Final = re.compile(
    r"\bDVS\b|^\W*AD\b(?!\W+(?i:astra|vitam|libitum)\b)|[\[(]AD[\])]|^\W*ad\W*$"
    rf"|{_NO_YEAR}\bAD\b(?=\W*$|\W*[\[(]|\W*\d\.\d\b|\W*\d ?ch\b"
    r"|\W*(?i:stereo|mono|surround|track|audio|mix|aac|e?-?ac-?3|dd[p+]?|dolby|dts|opus|flac)"
    r"(?:\b|(?=\d\.\d)))|^\W*AD(?=\d\.\d\b)"
)
# Who approved a mix does not speak in it.
_CREDITED: Final = re.compile(
    r"\b(?:approved|supervised|overseen|endorsed|(?:re)?mix(?:ed)?|restored|(?:re)?mastered"
    r"|produced|made|created) "
    r"(?:by|with)\b"
)
_NOT_AD: Final = re.compile(
    r"\b(?:[Nn]o|(?i:non|not|without|w/o|ohne|sans|sin|sem|senza|zonder|bez|без|uten|utan))"
    r"[ -](?:AD|DVS)\b"
)
_NORWEGIAN: Final = re.compile(r"^NO[ :-]+(?=\w*[a-zæøå])")  # the code: what follows is no shout
_NEGATED: Final = re.compile(
    r"\b(?:(?<!\bdr )(?<!\bdr\. )no|non(?! vedenti)|not|without|w/o|ohne|keine?|sans|sin|sem|senza"
    r"|zonder|bez|без|uten|uden|utan|ilman|fără|χωρίσ)"
    r"[ -](?:the |any |de |di |(?:cast|directors?['’]?s?) |audio[ -]?)?\w+"
    r"|\b\w+[ -](?:free|frei)\b"
)


def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


# Description comes first: "Audiodescription commentary" and the Japanese and
# Korean words for it contain the ones for commentary.
_KINDS: Final = (
    (DESCRIPTION, _any_of(_DESCRIPTION)),
    (MUSIC, _any_of(_MUSIC)),
    (COMMENTARY, _any_of(_COMMENTARY)),
)
_CLEARER_SPEECH: Final = re.compile(
    r"\b(?:clean audio|(?:enhanced|clear|clearer|boosted) dialog(?:ue)?|dialog(?:ue)? (?:boost|\+))"
    r"|\bhearing impaired\b|\bklare sprache\b"
)


def kind(track: Track) -> str | None:
    """What a track accompanies the programme with, or None for an ordinary one."""
    if track.commentary:
        return COMMENTARY
    if track.visual_impaired:
        return DESCRIPTION
    return _kind_by_title(track.title[:_TITLE_CHARACTERS]) if track.title else None


def has_clearer_speech(track: Track) -> bool:
    """Whether the mix is made for the hard of hearing: a full programme, but a special one."""
    if track.hearing_impaired is not None:
        return track.hearing_impaired
    return bool(track.title) and _says_clearer_speech((track.title or "")[:_TITLE_CHARACTERS])


@lru_cache(maxsize=1024)
def _kind_by_title(title: str) -> str | None:
    plain = unicodedata.normalize("NFKC", title)[:_TITLE_CHARACTERS].replace("_", " ")
    if _ABBREVIATED.search(_NOT_AD.sub(" ", plain)):
        return DESCRIPTION
    words = _CREDITED.sub(" ", _NEGATED.sub(" ", _NORWEGIAN.sub("", plain).casefold()))
    return next((kind for kind, pattern in _KINDS if pattern.search(words)), None)


@lru_cache(maxsize=1024)
def _says_clearer_speech(title: str) -> bool:
    return bool(_CLEARER_SPEECH.search(unicodedata.normalize("NFKC", title).casefold()))
