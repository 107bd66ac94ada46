"""What goes over the wire: what is asked, what a server need not know, how many calls there are."""

from __future__ import annotations

import asyncio
import json
import time
from http.server import BaseHTTPRequestHandler

import pytest

from salin.cli.translate import usage_in_words
from salin.translation.opening import open_translator
from salin.translation.translator import Candidate, Phrases, Translation, Usage
from scripted_chat import Asked, Behaviour, Known, chat_body, perfect, says, send, serving

KNOWN = (
    Known(
        "Ana vive en Lisboa.", "Ana lives in Lisbon.", (("Ana", "Ana", "PER"), ("Lisboa", "Lisbon", "LOC"))
    ),
    Known("Llueve.", "It rains.", ()),
    Known(
        "El Banco de España y la ONU.",
        "The Bank of Spain and the UN.",
        (("Banco de España", "Bank of Spain", "ORG"), ("ONU", "UN", "ORG")),
    ),
)  # fmt: skip
SENTENCES = [known.original for known in KNOWN]
QUESTIONS = [
    Phrases(known.original, known.english, tuple(translated for _, translated, _ in known.entities)) for known in KNOWN
]
BACK = [("Ana", "Lisboa"), (), ("Banco de España", "ONU")]


def test_default_asks_once_for_translation_and_entities_and_once_for_all_phrases() -> None:
    with serving(perfect(KNOWN)) as server:
        translator = open_translator(server.name(), language="es")
        translations = translator.translate(SENTENCES)
        assert translator.usage.calls == 3
        assert translator.bring_back(QUESTIONS) == BACK
    assert [t.text for t in translations if t] == [known.english for known in KNOWN]
    assert translations[0] == Translation(
        "Ana lives in Lisbon.", (Candidate("Ana", "Ana", "PER"), Candidate("Lisboa", "Lisbon", "LOC"))
    )
    # Nothing is asked where there is no phrase: three sentences, two questions.
    assert (translator.usage.calls, translator.usage.lost) == (5, {})
    assert (translator.usage.prompt_tokens, translator.usage.completion_tokens) == (55, 35)


def test_what_tokens_cost_is_told_where_their_prices_are_given() -> None:
    with serving(perfect(KNOWN)) as server:
        translator = open_translator(server.name(input_price=2, output_price=10))
        translator.translate(SENTENCES)
    assert translator.usage.price == pytest.approx((33 * 2 + 21 * 10) / 1e6)
    assert "0.000276 at the prices given" in usage_in_words("it", translator.usage)
    assert "price" not in usage_in_words("it", Usage(calls=1, prompt_tokens=5))


def test_the_name_of_a_model_may_hold_a_plus() -> None:
    with serving(perfect(KNOWN)) as server:
        open_translator(server.name(model="org/a+b%20c")).translate(SENTENCES)
    assert {asked.body["model"] for asked in server.asked} == {"org/a+b c"}


def test_official_asks_three_times_forward_and_three_times_for_each_phrase() -> None:
    with serving(perfect(KNOWN)) as server:
        translator = open_translator(server.name(prompts="official"), language="es")
        translations = translator.translate(SENTENCES)
        assert translator.usage.calls == 3 * 3
        assert translator.bring_back(QUESTIONS) == BACK
    assert translations == [Translation(known.english) for known in KNOWN]
    assert (translator.usage.calls, translator.usage.lost) == (3 * 3 + 3 * 4, {})


def test_official_answers_of_earlier_turns_stand_in_the_conversation_and_all_is_greedy() -> None:
    with serving(perfect(KNOWN)) as server:
        open_translator(server.name(prompts="official"), language="es").translate(SENTENCES[:1])
    last = server.asked[-1]
    assert [m["role"] for m in last.messages] == ["system", "user", "assistant", *["user", "assistant"] * 2, "user"]
    assert last.messages[4]["content"] == "I see."
    assert "Spanish" in last.messages[1]["content"] and "organization" in last.messages[1]["content"]
    assert {(asked.body["temperature"], asked.body["max_tokens"]) for asked in server.asked} == {(0, 512)}


def test_a_phrase_that_is_listed_twice_is_asked_for_once_and_answered_twice() -> None:
    question = Phrases(KNOWN[0].original, KNOWN[0].english, ("Ana", "Ana"))
    with serving(perfect(KNOWN)) as server:
        translator = open_translator(server.name(prompts="official"))
        assert translator.bring_back([question]) == [("Ana", "Ana")]
    assert (translator.usage.calls, translator.usage.cached) == (3, 3)


def test_labels_are_a_closed_set_and_what_is_outside_is_counted() -> None:
    entities = [
        {"original": "Ana", "translated": "Ana", "label": "person"},
        {"original": "Lisboa", "translated": "Lisbon", "label": "WEAPON"},
        {"original": "", "translated": "Lisbon", "label": "LOC"},
        {"original": 7, "translated": "Lisbon", "label": "LOC"},
        "Lisboa",
    ]
    answer = json.dumps({"translation": "Ana lives in Lisbon.", "entities": entities})
    with serving(says(answer)) as server:
        translator = open_translator(server.name(), labels=("LOC", "PER"))
        assert translator.translate(SENTENCES[:1]) == [
            Translation("Ana lives in Lisbon.", (Candidate("Ana", "Ana", "PER"),))
        ]
    assert translator.usage.lost == {"entity of another type": 1, "entity without text": 3}
    schema = server.asked[0].body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["entities"]["items"]["properties"]["label"]["enum"] == ["LOC", "PER"]


@pytest.mark.parametrize(
    "answer",
    [
        '{"translation": "It rains.", "entities": []}',
        'Here it is:\n```json\n{"translation": "It rains.", "entities": []}\n```\nAnything else?',
        '<think>{"translation": "No."}</think>\n{"translation": "It rains.", "entities": [],}',
        '{"note": {"a": 1}} {"translation": " It rains. ", "entities": "none"}',
        '{"translation": "It rains."}',
    ],
)
def test_json_is_found_in_whatever_stands_around_it(answer: str) -> None:
    with serving(says(answer)) as server:
        translator = open_translator(server.name())
        assert translator.translate(["Llueve."]) == [Translation("It rains.")]
    assert translator.usage.lost == {}


@pytest.mark.parametrize(
    ("phrases", "expected", "lost"),
    [
        ([{"number": 2, "original": "Lisboa"}, {"number": 1, "original": "Ana"}], ("Ana", "Lisboa"), 0),
        ([{"number": 1, "original": None}, {"number": 2, "original": "Lisboa"}], (None, "Lisboa"), 0),
        ([{"number": 2, "original": "Lisboa"}, {"number": 2, "original": "Ana"}], (None, "Lisboa"), 1),
        ([{"number": number, "original": "x"} for number in (0, 3, True, "1", None)], (None, None), 2),
        ("Ana", (None, None), 2),
    ],
)  # fmt: skip
def test_phrases_are_told_by_their_numbers(phrases: object, expected: tuple[str | None, ...], lost: int) -> None:
    with serving(says(json.dumps({"phrases": phrases}))) as server:
        translator = open_translator(server.name())
        assert translator.bring_back(QUESTIONS[:1]) == [expected]
    assert sum(translator.usage.lost.values()) == lost


def refusing(*words: str, status: int = 400) -> Behaviour:
    """Knows no request that holds one of these words; what it says names the word."""

    def script(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        text = json.dumps(asked.body)
        for word in words:
            if word in text:
                send(handler, status, json.dumps({"error": {"message": f"Unsupported: {word}"}}).encode())
                return
        send(handler, 200, chat_body('{"translation": "It rains.", "entities": []}'))

    return script


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("words", "refusals"),
    [
        (("response_format",), 1),
        (('"max_tokens"',), 1),
        (("temperature",), 1),
        (("response_format", "temperature", '"max_tokens"'), 3),
    ],
)
def test_what_a_server_does_not_know_is_found_out_once(words: tuple[str, ...], refusals: int, status: int) -> None:
    with serving(refusing(*words, status=status)) as server:
        translator = open_translator(server.name())
        assert translator.translate([f"Llueve {number}." for number in range(12)]) == [Translation("It rains.")] * 12
        assert translator.translate(["Llueve mucho."]) == [Translation("It rains.")]
    assert translator.usage.calls == len(server.asked) == 13 + refusals


def test_a_server_need_not_say_that_it_is_the_schema_it_does_not_know() -> None:
    def curt(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        if asked.form:
            send(handler, 400, b"Bad Request", "text/plain")
        else:
            send(handler, 200, chat_body('{"translation": "It rains.", "entities": []}'))

    with serving(curt) as server:
        assert open_translator(server.name()).translate(["Llueve.", "Nieva."]) == [Translation("It rains.")] * 2
    assert len(server.asked) == 3


def test_a_server_that_refuses_one_text_keeps_its_schema() -> None:
    with serving(refusing("Nieva")) as server:
        translator = open_translator(server.name(concurrency=1))
        assert translator.translate(["Llueve.", "Nieva.", "Llueve mucho."])[1] is None
    assert server.asked[-1].form == {"translation", "entities"}
    assert translator.usage.lost == {"HTTP 400": 1}


def test_answers_that_may_vary_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with serving(refusing("temperature")) as server:
        open_translator(server.name()).translate(["Llueve.", "Nieva.", "Truena."])
    assert caplog.text.count("is asked without temperature = 0") == 1


def test_a_template_without_a_system_message_gets_none() -> None:
    def gemma(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        if asked.messages[0]["role"] == "system":
            send(handler, 400, b'{"message": "System role not supported"}')
        else:
            send(handler, 200, chat_body('{"translation": "It rains.", "entities": []}'))

    with serving(gemma) as server:
        assert open_translator(server.name()).translate(["Llueve."]) == [Translation("It rains.")]
    assert [m["role"] for m in server.asked[-1].messages] == ["user"]
    assert "Entity types" in server.asked[-1].messages[0]["content"]


def test_as_many_requests_are_under_way_as_allowed_and_no_more() -> None:
    running, most = [], []

    def slow(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        running.append(1)
        most.append(len(running))
        time.sleep(0.02)
        running.pop()
        send(handler, 200, chat_body('{"translation": "It rains.", "entities": []}'))

    with serving(slow) as server:
        open_translator(server.name(concurrency=3)).translate([f"Llueve {number}." for number in range(20)])
    assert max(most) == 3


def test_requests_begin_no_more_often_than_allowed() -> None:
    moments: list[float] = []

    def note(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        moments.append(time.monotonic())
        send(handler, 200, chat_body('{"translation": "It rains.", "entities": []}'))

    with serving(note) as server:
        open_translator(server.name(requests_per_minute=1200)).translate([f"Llueve {n}." for n in range(7)])
    assert moments[-1] - moments[0] > 5.5 * 60 / 1200


def test_it_works_where_an_event_loop_runs_as_in_a_notebook() -> None:
    async def cell() -> list[Translation | None]:
        return open_translator(server.name()).translate(["Llueve."])

    with serving(perfect(KNOWN)) as server:
        assert asyncio.run(cell()) == [Translation("It rains.")]


def test_what_is_empty_or_too_long_is_not_sent() -> None:
    with serving(perfect(KNOWN)) as server:
        default = open_translator(server.name(max_characters=100))
        assert default.translate(["", " \n", "x" * 101, "Llueve."]) == [
            Translation(""), Translation(""), None, Translation("It rains."),
        ]  # fmt: skip
        official = open_translator(server.name(max_characters=100, prompts="official"))
        assert official.translate(["", "中", "x" * 101]) == [Translation(""), None, None]
    assert len(server.asked) == 1
    assert default.usage.lost == {"longer than max_characters": 1}
    assert official.usage.lost == {"longer than max_characters": 1, "shorter than two characters": 1}


def test_half_characters_do_not_stop_a_run() -> None:
    with serving(says('{"translation": "It rains \\ud83d.", "entities": []}')) as server:
        assert open_translator(server.name()).translate(["Llueve \udcff."]) == [Translation("It rains \ufffd.")]
