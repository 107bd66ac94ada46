"""A tagger as ONNX: the same tagger, or nothing is written; and no file is opened that could reach beyond itself."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from salin.adaptation.adapter import Adapter
from salin.corpus import Sentence
from salin.errors import DataError, ModelError, SettingError
from salin.models import Tagger
from salin.models import export as exporting
from salin.models.checksum import weights_checksum
from salin.models.export import ExportReport, export_onnx
from salin.models.network import TaggingNetwork
from salin.models.onnx_network import OnnxNetwork
from tiny_corpora import DEV, TRAIN, corpus, labelled
from tiny_models import ARCHITECTURES

SENTENCES = [labelled(line) for line in (*TRAIN, *DEV)]
LONG = labelled(" ".join([*TRAIN, *TRAIN]))
ALL = [*SENTENCES, LONG, Sentence("", ())]
LABELS = ["PER", "LOC", "ORG"]
SLOW = {"deberta-v2", "albert", "llama"}


@pytest.fixture(scope="module", autouse=True)
def _traced_once(require: Callable[[str, bool], None]) -> Iterator[None]:
    """Torch takes seconds to trace a network: each is traced once, whatever becomes of the graph."""
    for name in ("onnxruntime", "onnx", "onnxscript"):
        require(f"{name} (pip install 'salin[onnx]')", find_spec(name) is not None)
    import onnx_ir

    real, traced = exporting.trace, {}

    def trace(network: TaggingNetwork) -> onnx_ir.Model:
        key = weights_checksum(network.classifier)
        if key not in traced:
            traced[key] = onnx_ir.to_proto(real(network))
        return onnx_ir.from_proto(traced[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "trace", trace)
        yield


def fresh(folder: Path, **options: object) -> Tagger:
    """A tagger with a random head so wide awake that it finds entities."""
    torch.manual_seed(5)
    made = Tagger.on_encoder(folder, LABELS, max_length=32, **options)
    with torch.no_grad():
        for name, parameter in made.network.named_parameters():
            if name.startswith(("crf", "classifier.classifier", "classifier.score")):
                parameter.normal_(std=0.5)
    return made


@dataclass(frozen=True)
class Exported:
    """A tagger, and the folder that it was exported to."""

    tagger: Tagger
    folder: Path
    report: ExportReport


@pytest.fixture(scope="module")
def exported(model_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Exported]:
    made: dict[tuple[str, ...], Exported] = {}

    def export(architecture: str, head: str = "softmax", dtype: str = "fp32", least: float = 1.0) -> Exported:
        key = (architecture, head, dtype)
        if key not in made:
            tagger = fresh(model_folder(architecture), head=head)
            folder = tmp_path_factory.mktemp("export") / "-".join(key)
            made[key] = Exported(tagger, folder, export_onnx(tagger, folder, ALL, dtype=dtype, min_agreement=least))
        return made[key]

    return export


@pytest.fixture
def bert(exported: Callable[..., Exported]) -> Exported:
    return exported("bert")


def by_architecture() -> list:
    return [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in ARCHITECTURES]


@pytest.mark.parametrize("architecture", by_architecture())
def test_the_logits_are_those_of_torch_for_batches_of_any_size(
    architecture: str, exported: Callable[..., Exported]
) -> None:
    made = exported(architecture)
    tags = made.tagger.settings.tags
    network = OnnxNetwork.open(made.folder / "model.onnx", tags, made.tagger.network.chain)
    for rows, length in ((1, 1), (1, 32), (7, 5), (2, 8), (3, 31)):
        ids = torch.randint(5, 100, (rows, length), generator=torch.Generator().manual_seed(length))
        mask = torch.ones_like(ids)
        mask[1:, 1 + length // 2 :] = 0  # all but the first row are padded
        with torch.no_grad():
            theirs = made.tagger.network(ids, mask)
        ours = network(ids, mask)
        assert ours.shape == (rows, length, len(tags))
        assert torch.allclose(ours[mask.bool()], theirs[mask.bool()], atol=1e-4)


@pytest.mark.parametrize("head", ["softmax", "crf", "free-crf"])
def test_the_export_is_the_same_tagger(head: str, exported: Callable[..., Exported]) -> None:
    made = exported("bert", head)
    again = Tagger.from_pretrained(made.folder)
    assert again.exported and not made.tagger.exported
    assert (again.labels, again.settings.head) == (made.tagger.labels, head)
    before, after = list(made.tagger.tag_sentences(ALL)), list(again.tag_sentences(ALL))
    assert any(sentence.entities for sentence in before)
    assert [s.spans() for s in after] == [s.spans() for s in before]
    for a, b in zip(after, before, strict=True):
        assert [e.score for e in a.entities] == pytest.approx([e.score for e in b.entities], abs=1e-4)
    assert again.tag("") == Sentence("", ())


def test_long_sentences_are_cut_into_the_same_windows(bert: Exported) -> None:
    again = Tagger.from_pretrained(bert.folder)
    assert again.windower.windows([LONG]) == bert.tagger.windower.windows([LONG])
    assert len(again.windower.windows([LONG])) > 3
    (ours,), (theirs,) = again.emissions([LONG]), bert.tagger.emissions([LONG])
    assert torch.allclose(ours, theirs, atol=1e-4)
    with pytest.raises(SettingError, match="do not fit a window"):
        Tagger.from_pretrained(bert.folder, on_overflow="error").emissions([LONG])


def test_the_folder_holds_all_that_tagging_needs(exported: Callable[..., Exported]) -> None:
    plain, chained = ({path.name for path in exported("bert", head).folder.iterdir()} for head in ("softmax", "crf"))
    assert plain == {"model.onnx", "config.json", "salin.json", "tokenizer.json", "tokenizer_config.json"}
    assert chained - plain == {"crf.safetensors"}
    folder = exported("bert", "crf").folder
    assert json.loads((folder / "config.json").read_text())["model_type"] == "salin-crf"
    # torch would leave the names of files of this machine in the graph.
    assert str(Path(torch.__file__).parent).encode() not in (folder / "model.onnx").read_bytes()


def test_the_transitions_of_a_crf_decide(exported: Callable[..., Exported]) -> None:
    plain, chained = exported("bert"), exported("bert", "crf")
    one, other = Tagger.from_pretrained(plain.folder), Tagger.from_pretrained(chained.folder)
    assert all(torch.equal(a, b) for a, b in zip(one.emissions(ALL), other.emissions(ALL), strict=True))
    assert [s.spans() for s in one.tag_sentences(ALL)] != [s.spans() for s in other.tag_sentences(ALL)]


def test_the_report_says_how_far_they_agree(bert: Exported) -> None:
    agreement = bert.report.agreement
    assert agreement.sentences == len(SENTENCES) + 1, "one has no words"
    assert agreement.words == sum(len(sentence.words) for sentence in ALL)
    assert agreement.entities == sum(len(s.entities) for s in bert.tagger.tag_sentences(ALL)) > 0
    assert (agreement.by_word, agreement.by_sentence) == (1, 1)
    assert 0 < agreement.largest_difference < 1e-4
    assert min(agreement.seconds) > 0
    assert bert.report.bytes_after == (bert.folder / "model.onnx").stat().st_size
    written = Tagger.from_pretrained(bert.folder).settings.provenance
    assert written["export"]["dtype"] == "fp32" and written["export"]["same tag by word"] == 1
    assert written["encoder"] == bert.tagger.settings.provenance["encoder"]


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "modernbert"])
def test_int8_is_nearly_the_same_tagger(architecture: str, exported: Callable[..., Exported]) -> None:
    made = exported(architecture, dtype="int8", least=0.9)
    assert 0.9 <= made.report.agreement.by_word <= 1
    assert 1e-4 < made.report.agreement.largest_difference < 2
    assert made.report.bytes_after < exported(architecture).report.bytes_after


def test_int8_tags_do_not_depend_on_what_is_tagged_beside(exported: Callable[..., Exported]) -> None:
    tagger = Tagger.from_pretrained(exported("bert", dtype="int8", least=0.9).folder)
    together = tagger.emissions(ALL)
    for sentence, scores in zip(ALL, together, strict=True):
        assert torch.allclose(tagger.emissions([sentence])[0], scores, atol=1e-4)


def test_the_tagger_stays_as_it_was(bert: Exported, tmp_path: Path) -> None:
    before = weights_checksum(bert.tagger.network)
    export_onnx(bert.tagger, tmp_path / "again", SENTENCES)
    assert weights_checksum(bert.tagger.network) == before
    assert "export" not in bert.tagger.settings.provenance


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantisation that loses the head of the network."""
    import onnx_ir

    def spoil(model: onnx_ir.Model) -> None:
        for name, value in model.graph.initializers.items():
            if "classifier.classifier.weight" in name or value.shape == (16, 7):
                value.const_value = onnx_ir.tensor(-value.const_value.numpy())

    monkeypatch.setattr("salin.models.quantization.quantize", spoil)


@pytest.mark.usefixtures("spoilt")
def test_an_export_that_tags_otherwise_is_not_written(bert: Exported, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"int8 export gives \d+\.\d+% of 171 words .*at least 99\.00%.*export fp32"):
        export_onnx(bert.tagger, tmp_path / "model", ALL, dtype="int8")
    assert list(tmp_path.iterdir()) == []
    export_onnx(bert.tagger, tmp_path / "model", SENTENCES)
    written = (tmp_path / "model" / "model.onnx").read_bytes()
    with pytest.raises(ModelError, match="nothing was written"):
        export_onnx(bert.tagger, tmp_path / "model", SENTENCES, dtype="int8")
    assert (tmp_path / "model" / "model.onnx").read_bytes() == written, "what stood there is still there"


@pytest.mark.parametrize("sentences", [[], [Sentence("", ())], SENTENCES])
def test_sentences_in_which_nothing_is_found_check_nothing(
    bert: Exported,
    model_folder: Callable[[str], Path],
    tmp_path: Path,
    sentences: list[Sentence],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = exporting.trace(bert.tagger.network)
    monkeypatch.setattr(exporting, "trace", lambda _: graph)
    silent = fresh(model_folder("bert"))
    with torch.no_grad():
        silent.network.classifier.classifier.bias[0] = 1000  # O, always
    with pytest.raises(ModelError, match="finds no entity"):
        export_onnx(silent, tmp_path / "model", sentences)
    assert list(tmp_path.iterdir()) == []


def test_only_an_export_is_replaced(bert: Exported, tmp_path: Path) -> None:
    bert.tagger.save_pretrained(tmp_path / "trained")
    with pytest.raises(DataError, match=r"holds no model\.onnx"):
        export_onnx(bert.tagger, tmp_path / "trained", SENTENCES)
    assert not Tagger.from_pretrained(tmp_path / "trained").exported


def test_what_one_file_cannot_hold_is_refused(bert: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_LARGEST_FILE", 1000)
    with pytest.raises(ModelError, match=r"at most 2\.1: choose int8"):
        export_onnx(bert.tagger, tmp_path / "model", SENTENCES)


@pytest.mark.parametrize("least", [0, -1, 1.5])
def test_a_bound_is_a_share(bert: Exported, tmp_path: Path, least: float) -> None:
    with pytest.raises(SettingError, match="above 0 and at most 1"):
        export_onnx(bert.tagger, tmp_path / "model", SENTENCES, min_agreement=least)


def test_an_architecture_that_torch_cannot_export_is_named(
    model_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.onnx.errors.OnnxExporterError("no such operator")

    monkeypatch.undo()  # the real trace
    monkeypatch.setattr(torch.onnx, "export", fail)
    torch.manual_seed(77)
    network = Tagger.on_encoder(model_folder("albert"), LABELS).network
    with pytest.raises(ModelError, match="cannot export albert to ONNX: no such operator"):
        exporting.trace(network)


@pytest.mark.parametrize("name", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_extra_is_named(bert: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingError, match=rf"{name}, which is not installed: pip install 'salin\[onnx\]'"):
        export_onnx(bert.tagger, tmp_path / "model", SENTENCES)
    if name != "onnxscript":  # which only exporting needs
        with pytest.raises(SettingError, match=r"pip install 'salin\[onnx\]'"):
            Tagger.from_pretrained(bert.folder)


def test_it_tags_and_does_nothing_else(bert: Exported, tmp_path: Path) -> None:
    again = Tagger.from_pretrained(bert.folder)
    refused = "this tagger was exported to ONNX.*name the tagger that it was exported from"
    with pytest.raises(ModelError, match=refused):
        Adapter(again, corpus())
    with pytest.raises(ModelError, match=refused):
        Adapter(again, corpus(), vectors="ngrams")
    with pytest.raises(ModelError, match=refused):
        again.save_pretrained(tmp_path / "saved")
    with pytest.raises(ModelError, match=refused):
        export_onnx(again, tmp_path / "model", SENTENCES)
    assert list(tmp_path.iterdir()) == []


def changed(made: Exported, tmp_path: Path, change: Callable[..., object] | None = None) -> Path:
    """A copy of an export, whose ONNX graph was changed."""
    import onnx

    folder = Path(shutil.copytree(made.folder, tmp_path / "changed"))
    if change is not None:
        model = onnx.load(folder / "model.onnx")
        change(model)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder


@pytest.mark.parametrize("keep", [0, 10, 1000, -100])
def test_a_damaged_file_is_refused(bert: Exported, tmp_path: Path, keep: int) -> None:
    path = changed(bert, tmp_path) / "model.onnx"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"model\.onnx: .*[Ee]xport the tagger"):
        Tagger.from_pretrained(path.parent)


def test_text_is_no_onnx_file(bert: Exported, tmp_path: Path) -> None:
    path = changed(bert, tmp_path) / "model.onnx"
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelError, match=r"model\.onnx: no ONNX file, or a damaged one"):
        Tagger.from_pretrained(path.parent)


def external(tensor) -> None:
    import onnx

    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/hostname")


def in_the_weights(model) -> None:
    external(model.graph.initializer[0])


def in_a_constant(model) -> None:
    import onnx

    node = model.graph.node.add(op_type="Constant", output=["unused"])
    tensor = onnx.helper.make_tensor("value", onnx.TensorProto.FLOAT, [1], [0.0])
    node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(tensor)
    external(node.attribute[0].t)


def in_a_branch(model) -> None:
    import onnx

    branch = onnx.parser.parse_graph("inner () => (float[1] y) <float[1] w = {1}> { y = Identity(w) }")
    external(branch.initializer[0])
    node = model.graph.node.add(op_type="If", input=["input_ids"], output=["unused"])
    node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g.CopyFrom(branch)


@pytest.mark.parametrize("place", [in_the_weights, in_a_constant, in_a_branch])
def test_weights_in_other_files_are_refused(bert: Exported, tmp_path: Path, place: Callable) -> None:
    with pytest.raises(ModelError, match="lie in another file, which is refused"):
        Tagger.from_pretrained(changed(bert, tmp_path, place))


def test_operators_beyond_the_standard_are_refused(bert: Exported, tmp_path: Path) -> None:
    def add(model) -> None:
        model.opset_import.add(domain="com.example", version=1)
        model.graph.node.add(op_type="Shell", domain="com.example", input=["input_ids"], output=["unused"])

    with pytest.raises(ModelError, match=r"operator Shell is one of com\.example"):
        Tagger.from_pretrained(changed(bert, tmp_path, add))


def test_operators_that_a_file_defines_are_refused(bert: Exported, tmp_path: Path) -> None:
    def define(model) -> None:
        model.functions.add(name="MatMul", domain="")

    with pytest.raises(ModelError, match=r"defines operators of its own \(MatMul\)"):
        Tagger.from_pretrained(changed(bert, tmp_path, define))


def test_the_network_of_another_tagger_is_refused(bert: Exported, tmp_path: Path) -> None:
    folder = changed(bert, tmp_path)
    for name, key in (("salin.json", "labels"), ("config.json", "id2label")):
        path = folder / name
        settings = json.loads(path.read_text())
        settings[key] = ["PER"] if key == "labels" else {"0": "O", "1": "B-PER", "2": "I-PER"}
        settings.pop("label2id", None)
        path.write_text(json.dumps(settings))
    with pytest.raises(ModelError, match=r"gives scores of \[7\] tags, salin\.json has 3"):
        Tagger.from_pretrained(folder)


def test_a_network_of_one_size_is_refused(bert: Exported, tmp_path: Path) -> None:
    def fix(model) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 32

    with pytest.raises(ModelError, match="takes batches of one size alone"):
        Tagger.from_pretrained(changed(bert, tmp_path, fix))


def test_another_network_is_refused(bert: Exported, tmp_path: Path) -> None:
    import onnx

    folder = changed(bert, tmp_path)
    text = '<ir_version: 10, opset_import: ["" : 21]> other (float[n] x) => (float[n] y) { y = Identity(x) }'
    onnx.save(onnx.parser.parse_model(text), folder / "model.onnx")
    with pytest.raises(ModelError, match=r"it takes x \(tensor\(float\)\) and gives y"):
        Tagger.from_pretrained(folder)


def test_a_pickle_beside_it_is_refused(bert: Exported, tmp_path: Path) -> None:
    folder = changed(bert, tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="a pickle can run code"):
        Tagger.from_pretrained(folder)


def test_where_there_are_weights_for_torch_they_count(bert: Exported, tmp_path: Path) -> None:
    bert.tagger.save_pretrained(tmp_path / "both")
    shutil.copy(bert.folder / "model.onnx", tmp_path / "both")
    assert not Tagger.from_pretrained(tmp_path / "both").exported
