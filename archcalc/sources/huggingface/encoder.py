"""Bidirectional encoders: one template with switches, which families set.

Embeddings of tokens, positions and segments are added; each layer is attention and a feed-forward network, post-norm or
pre-norm; the head depends on the class.
"""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import activation, architecture, labels, number
from archcalc.sources.writing import Item, Spec

HEADS = (
    "Model",
    "ForMaskedLM",
    "ForPreTraining",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
)


class Encoder:
    """The template. A family sets what differs from BERT.

    Attributes:
        table: the width of the embeddings, if it differs from that of the layers.
        segments: the number of segment types; 0 for no segment embedding.
        context: the rows of the position embedding, or None; offset: leading rows that no position uses.
        groups: the number of layers with their own weights; the others share them.
        pooler: whether the trunk ends with a pooler; pools_anyway: whether it does so even if the head does not read it.
        gated: whether the feed-forward network is act(gate) * up; bias: whether projections have one.
        rope: the RoPE base; relbias: the line of a relative position bias.
        before: pre-norm with a norm after the last layer, instead of post-norm.
        norm_embedding: whether embeddings are normalised; final: whether a norm follows the last layer.
        tables: additional embeddings; inputs: what they read besides tokens and segments.
        stem: the layers before everything else; scaled: whether embeddings are scaled by the square root of their width.
        attend: attention that a family writes itself; blocks: those that it calls.
        transform: the layers before the token head; classifier: the layers between the first token and the class
            head, None for the pooler; question_dropout: the dropout before the question-answering head.
    """

    def __init__(self, config: Config, heads: Sequence[str] = HEADS) -> None:
        self.config = config
        self.builds = architecture(config, "Model", heads)
        self.vocab = config.whole("vocab_size")
        self.width = config.whole("hidden_size")
        self.depth = config.layers("num_hidden_layers")
        self.heads = config.whole("num_attention_heads")
        if self.width % self.heads:
            config.wrong("num_attention_heads", f"the width {self.width} is not divisible by {self.heads} heads")
        self.ff = config.whole("intermediate_size")
        self.act = activation(config, "hidden_act")
        self.dropout = config.share("hidden_dropout_prob")
        self.attention_dropout = config.share("attention_probs_dropout_prob")
        eps = config.number("layer_norm_eps")
        self.norm = "layernorm" if eps == 1e-5 else f"layernorm eps={number(eps)}"
        self.context: int | None = config.whole("max_position_embeddings")
        self.positions = self.context
        self.offset = 0
        self.segments = config.maybe("type_vocab_size", 0) or 0
        self.table = self.width
        self.groups: int | None = None
        self.pooler = True
        self.pools_anyway = False
        self.gated = False
        self.bias = True
        self.rope: float | None = None
        self.relbias: str | None = None
        self.before = False
        self.norm_embedding = True
        self.final = False
        self.tables: list[Item] = []
        self.inputs: dict[str, list[str | int]] = {}
        self.stem: list[Item] = []
        self.scaled = False
        self.attend: list[Item] | None = None
        self.blocks: dict[str, list[Item]] = {}
        self.attention_bias = "true"
        self.transform: list[Item] = []
        self.classifier: list[Item] | None = None
        self.question_dropout = 0.0
        if config.model_type != "esm":
            config.only("position_embedding_type", "absolute")
        config.only("is_decoder", False)

    def drop(self, share: float | None = None) -> list[Item]:
        """A dropout, where there is any."""
        share = self.dropout if share is None else share
        return [f"dropout {number(share)}"] if share else []

    @property
    def classifier_dropout(self) -> float:
        """The dropout before the class head."""
        given = self.config.maybe_number("classifier_dropout")
        return self.dropout if given is None else given

    def spec(self) -> Spec:
        """The spec of the model."""
        config = self.config
        spec = Spec(config.model_type)
        spec.hparams = {"vocab": self.vocab}
        spec.hparams |= {"context": self.context} if self.context is not None else {}
        spec.hparams |= {"table": self.table} if self.table != self.width else {}
        spec.hparams |= {"width": self.width, "heads": self.heads, "ff": self.ff, "depth": self.depth}
        longest = (self.positions or 512) - self.offset
        if longest < 1:
            config.wrong(
                "max_position_embeddings", f"the first {self.offset} rows are not positions, which leaves none"
            )
        spec.dims = {"seq": min(longest, 512)}
        spec.inputs = ["seq"]
        if self.segments or self.inputs:
            spec.inputs = {"tokens": ["seq"], **({"segments": ["seq"]} if self.segments else {}), **self.inputs}
        spec.blocks |= self.blocks
        spec.layers = [*self.stem, *self._embeddings(), *self._layers(spec)]
        spec.layers += self._end(spec)
        return spec

    def _embeddings(self) -> list[Item]:
        width = "table" if self.table != self.width else "width"
        read = " from=tokens" if self.segments or self.inputs else " from=input" if self.stem else ""
        items: list[Item] = [f"embedding vocab dim={width}{read} name=word_embeddings"]
        items += [f"scale {width}**0.5"] if self.scaled else []
        segments: list[Item] = [[f"embedding {self.segments} dim={width} from=segments"]] if self.segments else []
        if segments or self.tables:
            items.append({"add": ["prev", *segments, *self.tables]})
        items += ["posembed length=context"] if self.context is not None else []
        norm: list[Item] = [self.norm] if self.norm_embedding else []
        items += [[*norm, *self.drop()]] if norm or self.drop() else []
        items += ["linear width name=project"] if self.table != self.width else []
        if self.relbias is not None:
            items += ["identity name=words", f"{self.relbias} name=near", "identity from=words"]
        return items

    def layer(self) -> list[Item]:
        """The items of one layer."""
        words = ["attention heads=heads"]
        words += ["bias=false"] if not self.bias else []
        words += [f"bias={self.attention_bias}"] if self.attention_bias != "true" else []
        words += [f"rope={number(self.rope)}"] if self.rope is not None else []
        words += ["relbias=near"] if self.relbias is not None else []
        words += [f"dropout={number(self.attention_dropout)}"] if self.attention_dropout else []
        attend: list[Item] = self.attend or [" ".join(words)]
        parts = [[*attend, *self.drop()], [*self._feedforward(), *self.drop()]]
        if self.before:
            return [{"residual": [self.norm, *part]} for part in parts]
        return [item for part in parts for item in ({"residual": part}, self.norm)]

    def _feedforward(self) -> list[Item]:
        bias = "" if self.bias else " bias=false"
        if self.gated:
            return [{"mul": [[f"linear ff{bias}", self.act], [f"linear ff{bias}"]]}, f"linear width{bias}"]
        return [f"linear ff{bias}", self.act, f"linear width{bias}"]

    def _layers(self, spec: Spec) -> list[Item]:
        if self.groups is None and self.final:
            return [{"repeat": "depth", "layers": self.layer()}, f"{self.norm} name=encoder"]
        if self.groups is None:
            return [{"repeat": "depth", "name": "encoder", "layers": self.layer()}]
        spec.blocks["layer"] = self.layer()
        spec.hparams.pop("depth")
        items: list[Item] = []
        for group in range(self.groups):
            shared = sum(int(index / (self.depth / self.groups)) == group for index in range(self.depth)) - 1
            items.append(f"layer name=group{group}")
            again = f"layer tie=group{group}"
            items += [{"repeat": shared, "layers": [again]}] if shared > 1 else [again] * shared
        items.append("identity name=encoder")
        return items

    def _end(self, spec: Spec) -> list[Item]:
        """The head."""
        pooler: list[Item] = ["select 0", "linear width", "tanh name=pooler"]
        if self.builds == "Model":
            if self.pooler:
                spec.output = ["encoder", "pooler"]
            return [pooler] if self.pooler else []
        spec.loss = "crossentropy"
        head = self._head(spec, pooler)
        if not self.pools_anyway or (self.builds == "ForSequenceClassification" and self.classifier is None):
            return head
        if self.builds == "ForPreTraining":
            return head
        return [
            *pooler[:2],
            f"{pooler[2]}  # archcalc: ignore[GRF701] no head reads it",
            "identity from=encoder",
            *head,
        ]

    def _head(self, spec: Spec, pooler: list[Item]) -> list[Item]:
        """The head for tokens, classes or answers."""
        if self.builds in ("ForMaskedLM", "ForPreTraining"):
            self.config.only("tie_word_embeddings", True)
            width = "table" if self.table != self.width else "width"
            transform = self.transform or [f"linear {width}", self.act, self.norm]
            head: list[Item] = [transform, "linear vocab tie=word_embeddings name=decoder"]
            if self.builds == "ForPreTraining":
                spec.loss, spec.output = None, ["decoder", "relation"]
                head += [[f"{pooler[0]} from=encoder", *pooler[1:]], "linear 2 name=relation"]
            return head
        if self.builds == "ForSequenceClassification":
            classes = f"linear {labels(self.config)} name=classifier"
            if self.classifier is not None:
                return [["select 0", *self.classifier], classes]
            return [pooler, [*self.drop(self.classifier_dropout), classes]]
        if self.builds == "ForQuestionAnswering":
            spec.loss = None
            return [*self.drop(self.question_dropout), f"linear {labels(self.config)} name=qa_outputs"]
        return [[*self.drop(self.classifier_dropout), f"linear {labels(self.config)} name=classifier"]]
