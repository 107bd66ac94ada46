"""What clings to a name in a running sentence: particles, prefixes, endings. It is part of the word, not of the name.

Written together with the name in one word, as Sentence.words has it, these are let through and nothing else is:

- Korean: particles, of which several may stand in a row (서울 in 서울에서는).
- Arabic: conjunctions, prepositions and the article before the name (باريس in وباريس).
- What an apostrophe, colon or hyphen sets apart (Ankara in Ankara'da, BBC in BBC:n, HDZ in HDZ-a).
- Elsewhere in scripts with spaces: an ending of at most three letters, at most as long as half of the name and a letter
  (Beograd in Beogradom, Lagos in Lagosin), where the name begins with a capital in both places or the script has none.
- In Chinese, Japanese, Thai and the like, where words are a matter of opinion: at most half as much again.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from salin.corpus.words import UNSPACED

_UNSPACED = regex.compile(rf"(?V1){UNSPACED}")
_KOREAN = regex.compile(
    r"(?:이?라고|이?라는|이?란|이다|이며|이나|이랑|이여|이고|인|께서|에서|에게서?|에|으로서?|으로써|로서?|로써|한테서?|까지|부터|"
    r"마저|조차|만큼|만|보다|처럼|같이|대로|밖에|뿐|하고|이든|든지|든|은커녕|은|는|이|가|을|를|의|와|과|랑|도|께|씨|군|양|님|들|측|등|행)+"
)
_PARTICLE = (
    r"(?:から|まで|より|だけ|など|として|について|によると|による|において|における|という|って|では|には|とは|へは|でも|にも|とも|との|での|への|"
    r"は|が|を|に|へ|と|で|も|の|や)(?:は|の|も)?"
)
_JAPANESE = regex.compile(rf"(?:{_PARTICLE}|さん|様|氏|君)")
# Behind letters of another script, or what people are called by behind these. や ends names of shops.
_OWN_PARTICLE = regex.compile(
    rf"(?<=[[\p{{L}}\p{{M}}\p{{N}}]--[\p{{Hiragana}}ー]]ー*(?:さん|さま|くん|ちゃん)?\s*)(?!や$){_PARTICLE}$", regex.V1
)
# What may come next: another word, a comma, or what opens a quotation; but hardly を, nor は or が behind の and も.
_GOES_ON = regex.compile(r"\s*(?!を|(?<=[のも])[はが])[\p{L}\p{N}、，,\p{Ps}\p{Pi}]")
_CHINESE_BEFORE, _CHINESE_AFTER = regex.compile(r"[在于於从從对對和与與由向到]"), regex.compile(r"[的市省县縣]")
# Each is a word of its own, and stands behind the name.
_HINDI = regex.compile(
    r"\s+(?:ने|को|से|में|पर|का|की|के|तक|भी|ही|द्वारा)(?:\s+(?:लिए|साथ|बाद|पास|बीच|द्वारा|अनुसार|खिलाफ|बारे में|ऊपर|नीचे|अंदर|बाहर))?"
)
_ARABIC = regex.compile(r"(?:[وف]?[بكلس]?(?:ال)?|[وف]?لل)")
_SET_APART = regex.compile(r"['’ʼ:\p{Pd}]\p{L}{1,6}")
_LONGEST_ENDING = 3


def clings(before: str, name: str, after: str, *, same_initial: bool) -> bool:
    """Whether a word is a name with what may cling to it.

    Args:
        before: What stands before the name in its first word.
        name: The name as it stands there; of several words, the part in the first or last of them is enough.
        after: What stands behind it in its last word.
        same_initial: Whether it begins with a capital here as it does where it is looked for.
    """
    return _prefix(before, name) and _suffix(name, after, same_initial)


def without_affixes(name: str) -> Iterator[str]:
    """What a name may be without the particles, postpositions or prefixes that it was given with, the longest first.

    Args:
        name: As somebody gave it, who may have taken it from a sentence with what clung to it there.
    """
    behind = (_KOREAN, _JAPANESE, _CHINESE_AFTER, _HINDI)
    ends = [len(name)]
    ends += [end for end in range(len(name) - 1, 1, -1) if any(kind.fullmatch(name, end) for kind in behind)]
    for end in ends[1:]:
        yield name[:end]
    for end in ends:
        for start in range(1, end - 1):
            arabic = end - start > 2 and _ARABIC.fullmatch(name, 0, start)
            if arabic or _CHINESE_BEFORE.fullmatch(name, 0, start):
                yield name[start:end]


def own_particle(text: str, start: int, end: int) -> str:
    """The Japanese particle that was taken for the end of a name, as its script and what follows show; mostly none.

    Behind kanji, katakana or Latin letters hiragana that is a particle hardly belongs to a name (東京都は). It may
    where all is hiragana (やまと), where the name ends a quotation or a sentence, and where what comes next would not
    follow a particle (君の名は」, 君の名はを).

    Args:
        text: A sentence.
        start: Where the name begins in it.
        end: Where it ends, perhaps behind a particle.
    """
    found = _OWN_PARTICLE.search(text[start:end])
    return found[0] if found is not None and _GOES_ON.match(text, end) else ""


def written_without_spaces(text: str) -> bool:
    """Whether a text has characters of scripts that are written without spaces."""
    return _UNSPACED.search(text) is not None


def _prefix(before: str, name: str) -> bool:
    if not _letters(before):
        return True
    if written_without_spaces(before + name):
        return 2 * len(before) <= len(name)
    return len(name) > 2 and _ARABIC.fullmatch(before) is not None


def _suffix(name: str, after: str, same_initial: bool) -> bool:
    if not _letters(after):
        return True
    if written_without_spaces(name + after):
        return 2 * len(after) <= len(name)
    if regex.search(r"\p{Hangul}", after):
        return _KOREAN.fullmatch(after) is not None
    if _SET_APART.fullmatch(after):
        return True
    if regex.search(r"[\p{Arabic}\p{Hebrew}]", after):
        return False
    letters = _letters(name)
    return same_initial and after.isalpha() and len(after) <= min(_LONGEST_ENDING, (letters + 1) // 2) and letters > 2


def _letters(text: str) -> int:
    return len(regex.findall(r"[\p{L}\p{N}]", text))
