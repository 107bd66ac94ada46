"""What languages can be compared by: the types that all of them annotate, and the parameters that score these.

A type that one corpus annotates and another does not (MISC, in CoNLL and not in UNER) has a gradient in the one and
none in the other, for a reason that is not the language. So it takes no part in any: no other word may have its tags,
those of its words are given and not asked for, and the weights that score it alone are not among those compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from salin.corpus import Corpus
from salin.errors import DataError
from salin.models import Tagger
from salin.models.labelled import LabelledSentences
from salin.models.parameters import output_layers


@dataclass(frozen=True, slots=True)
class CommonTypes:
    """The types of several corpora.

    Attributes:
        labels: Those that all annotate.
        left_out: Those that some do.
    """

    labels: tuple[str, ...]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, corpora: Mapping[str, Corpus]) -> CommonTypes:
        """Finds them.

        Args:
            corpora: By language.

        Raises:
            DataError: When no type is annotated by all.
        """
        annotated = [set(corpus.labels) for corpus in corpora.values()]
        common = set[str].intersection(*annotated)
        if not common:
            found = "; ".join(f"{code} {' '.join(corpus.labels) or 'none'}" for code, corpus in corpora.items())
            raise DataError(
                f"no type of entity is annotated in all of these languages ({found})",
                remedy="Rename what means the same: --map GPE=LOC",
            )
        return cls(tuple(sorted(common)), tuple(sorted(set[str].union(*annotated) - common)))

    def labelled(self, corpus: Corpus, tagger: Tagger) -> LabelledSentences:
        """A corpus in which other types take no part.

        Args:
            corpus: One of those that the types are of.
            tagger: Of whose tags some may be of other types.

        Raises:
            DataError: When it has a type that the tagger does not have.
        """
        made = LabelledSentences.from_corpora([corpus], tagger.settings)
        covered = self._covered(tagger)
        if bool(covered.all()):
            return made
        tags = (torch.tensor(tags, dtype=torch.long) for tags in made.tags)
        return replace(made, annotated=tuple(_open(of_sentence, covered) for of_sentence in tags))

    def compared(self, tagger: Tagger) -> dict[str, Tensor]:
        """Which numbers of a tagger's parameters score these types, of those that score some alone.

        Returns:
            A mask of the parameter's shape, by parameter name; none where all of a parameter is compared.
        """
        covered, network = self._covered(tagger), tagger.network
        # A network that learns labels of bytes has no row for a tag, and takes only corpora of the same types.
        if bool(covered.all()) or network.gives_log_probabilities:
            return {}
        masks: dict[str, Tensor] = {}
        for name, layer in output_layers(network.classifier).items():
            rows = {"weight": covered[:, None].expand_as(layer.weight), "bias": covered}
            masks |= {f"classifier.{name}.{own}": rows[own] for own, _ in layer.named_parameters()}
        if network.crf is not None:
            both = covered[:, None] & covered
            masks |= {"crf.start": covered, "crf.between": both, "crf.end": covered}
        return {name: mask.to(network.device) for name, mask in masks.items()}

    def _covered(self, tagger: Tagger) -> Tensor:
        """Whether each tag is none or of these types, `[tags]`."""
        return torch.tensor([tag == "O" or tag[2:] in self.labels for tag in tagger.settings.tags])


def only(values: Mapping[str, Tensor], compared: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Values of parameters without those that are not compared; what is left of a parameter is flat.

    Args:
        values: By parameter name.
        compared: As `CommonTypes.compared` gives it.
    """
    return {name: value[compared[name]] if name in compared else value for name, value in values.items()}


def _open(tags: Tensor, covered: Tensor) -> Tensor:
    """Which tags each word of a sentence may have: those covered; its own alone where that is not, `[words, tags]`."""
    own = torch.nn.functional.one_hot(tags, len(covered)).bool()
    return torch.where(covered[tags][:, None], covered, own)
