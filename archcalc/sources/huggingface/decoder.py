"""Causal decoders: one template with switches, which families set.

Each layer is attention, then a feed-forward network or a mixture of experts, both with norms and residuals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import activated, activation, architecture, labels, number, repeated
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Item, Spec

HEADS = ("ForCausalLM", "LMHeadModel", "Model", "ForSequenceClassification", "ForTokenClassification")
KINDS = ("full_attention", "sliding_attention")
# Default sequence length, or the model's maximum if that is smaller.
_SHOWN = 4096


class Layer:
    """What can differ between layers.

    Attributes:
        window: the attention window, or None.
        theta: the RoPE base, or None for no positions.
        ff: the width of the feed-forward network, as a name or expression; None with experts.
        mixer: the block that replaces attention, or None.
    """

    def __init__(self, window: int | None, theta: float | None, ff: str | None, mixer: str | None = None) -> None:
        self.window = window
        self.theta = theta
        self.ff = ff
        self.mixer = mixer

    @property
    def key(self) -> tuple[int | None, float | None, str | None, str | None]:
        """What distinguishes it from other kinds of layers."""
        return self.window, self.theta, self.ff, self.mixer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Experts:
    """A mixture of experts instead of a feed-forward network.

    Attributes:
        count, chosen: the number of experts, and how many each token is routed to.
        ff: the width of an expert; shared: the width of the shared expert, or None.
        gated: whether the shared expert has its own gate; biased: whether the router has a bias.
    """

    def __init__(self, count: int, chosen: int, ff: int, shared: int | None = None, gated: bool = False) -> None:
        self.count = count
        self.chosen = chosen
        self.ff = ff
        self.shared = shared
        self.gated = gated
        self.biased = False


class Decoder:
    """The template. A family sets what differs from Llama; sizes are those of the configuration.

    Attributes:
        norm: the line of a norm; final: the line of the last norm, or None.
        placement: norms `before` each sublayer, `after` it, `around` it (both), or `outside`, after the residual sum.
        parallel: attention and feed-forward read the same tensor and are added; `apart` with a norm for each.
        bias: of attention, as in a spec; out_bias, ff_bias, head_bias: of the other projections.
        gated: whether the feed-forward network is act(gate) * up.
        qknorm: None, `head` (RMS norms of each head), `width` (of all heads together), `shared` (norms of the layer's
            kind, one for all heads), `each` (one for each head).
        stem: the layers between the token embedding and the first layer.
        biases: the name of a table that attention adds to its scores; learned_positions: whether there is a position
            embedding with `context` rows.
        after_positions: dropout after the positions are added; table: the width of the token embedding, if it differs
            from that of the layers.
        scale_in, scale_branch, scale_out, cap: factors of embeddings, branches and logits, and the bound of logits.
        turned: how many elements of a head RoPE rotates, or None for all.
        attend: attention that a family writes itself; sizes: hparams for it.
        mixers: blocks that replace attention.
        layers: the kind of each layer.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.builds = architecture(config, "ForCausalLM", HEADS)
        self.vocab = config.whole("vocab_size")
        self.width = config.whole("hidden_size")
        self.depth = config.layers("num_hidden_layers")
        self.heads = config.whole("num_attention_heads")
        self.kv_heads = config.maybe("num_key_value_heads") or self.heads
        head = config.maybe("head_dim")
        if head is None and self.width % self.heads:
            config.wrong("num_attention_heads", f"the width {self.width} is not divisible by {self.heads} heads")
        self.head = head or self.width // self.heads
        self.ff = config.maybe("intermediate_size") or 4 * self.width
        self.positions = config.whole("max_position_embeddings")
        self.tied = config.flag("tie_word_embeddings")
        self.dropout = config.share("attention_dropout")
        self.branch_dropout = 0.0
        self.stem: list[Item] = []
        self.after_positions = 0.0
        self.table: int | None = None
        self.norm = ""
        self.final: str | None = None
        self.act = ""
        self.placement = "before"
        self.parallel: str | None = None
        self.bias = "false"
        self.ff_bias = False
        self.head_bias = False
        self.gated = True
        self.qknorm: str | None = None
        self.eps = 1e-6
        self.softcap: float | None = None
        self.sinks = False
        self.scale_in: str | None = None
        self.scale_branch: float = 1
        self.scale_out: float = 1
        self.cap: float | None = None
        self.turned: int | None = None
        self.biases: str | None = None
        self.learned_positions = False
        self.attend: list[Item] | None = None
        self.sizes: dict[str, int] = {}
        self.mixers: dict[str, list[Item]] = {}
        self.experts: Experts | None = None
        self.layers: list[Layer] = []

    @property
    def written_out(self) -> bool:
        """Whether the `attention` layer cannot express this kind of attention."""
        return self.qknorm not in (None, "head", "width") or self.attend is not None

    def rms(self, key: str = "rms_norm_eps") -> None:
        """Norms are RMS norms."""
        self.eps = self.config.number(key)
        self.norm = self.final = _norm("rmsnorm", self.eps, 1e-6)

    def layernorm(self, key: str, bias: bool = True) -> None:
        """Norms are layer norms."""
        self.norm = self.final = _norm("layernorm", self.config.number(key), 1e-5) + ("" if bias else " bias=false")

    def activation(self, key: str) -> None:
        """The activation of the feed-forward network."""
        self.act = activation(self.config, key)

    def turn(self, part: float) -> None:
        """RoPE rotates only a part of each head."""
        turned = int(self.head * part)
        self.turned = turned if turned != self.head else None

    def drop_first(self, share: float) -> None:
        """Embeddings have dropout."""
        self.stem += [f"dropout {number(share)}"] if share else []

    def alike(self, theta: float | None, window: int | None = None) -> None:
        """All layers are equal."""
        self.layers = [Layer(window, theta, "ff" if self.experts is None else None)] * self.depth

    def turn_alike(self, theta: float = 10000.0, part: float = 1.0, window: int | None = None) -> None:
        """All layers are equal, with RoPE; the arguments are defaults for missing keys."""
        turned = rotation(self.config, theta, part)
        self.turn(turned.part)
        self.alike(turned.theta, window)

    def near(self, is_near: Callable[[int], bool]) -> list[bool]:
        """Which layers use a window: by `layer_types`, else by `is_near` of the layer's index."""
        kinds = self.config.words("layer_types", KINDS, self.depth)
        if kinds is None:
            return [is_near(layer) for layer in range(self.depth)]
        return [kind == "sliding_attention" for kind in kinds]

    def near_and_far(self, near: Sequence[bool], window: int | None, theta: float) -> None:
        """Layers with a window and layers with full attention, sharing one RoPE base."""
        ff = "ff" if self.experts is None else None
        self.layers = [Layer(window if one else None, theta, ff) for one in near]

    def attention(self, layer: Layer) -> str:
        """The line of attention."""
        words = ["attention heads=heads"]
        words += ["kv_heads=kv_heads"] if self.kv_heads != self.heads else []
        words += ["head_dim=head"] if self.head * self.heads != self.width else []
        words += [f"bias={self.bias}"] if self.bias != "true" else []
        words.append("causal=true")
        words += [f"rope={number(layer.theta)}"] if layer.theta is not None else []
        words += [f"rope_dim={self.turned}"] if layer.theta is not None and self.turned is not None else []
        words += [f"window={layer.window}"] if layer.window is not None else []
        words += [f"softcap={number(self.softcap)}"] if self.softcap is not None else []
        words += [f"relbias={self.biases}"] if self.biases is not None else []
        words += {"head": ["qknorm=true"], "width": ["qknorm=width"]}.get(self.qknorm or "", [])
        words += [f"qknorm_eps={number(self.eps)}"] if self.qknorm in ("head", "width") and self.eps != 1e-6 else []
        words += ["sinks=true"] if self.sinks else []
        words += [f"dropout={number(self.dropout)}"] if self.dropout else []
        return " ".join(words)

    def _projected(self, layer: Layer) -> list[Item]:
        """Attention written out, for query and key norms that `attention` has no key for."""
        shared = self.kv_heads != self.heads
        bias = "" if self.bias in ("true", "qkv") else " bias=false"
        split = (
            "rearrange 'n (g r d) -> g r n d' g=kv_heads d=head" if shared else "rearrange 'n (h d) -> h n d' d=head"
        )
        split_kv = "rearrange 'n (g d) -> g 1 n d' d=head" if shared else split
        spread = ["expand -1x(heads//kv_heads)x-1x-1"] if shared else []
        inner = "kv_heads*head" if shared else "heads*head"
        turn = [f"rope {number(layer.theta)}"] if layer.theta is not None else []
        turn = [f"{line} dim={self.turned}" if self.turned is not None else line for line in turn]
        parts: list[Item] = [
            *_named([f"linear heads*head{bias}", *self._normed(split, "heads"), *turn], "q"),
            *_named([f"linear {inner}{bias} from=input", *self._normed(split_kv, "kv_heads"), *turn, *spread], "k"),
            *_named([f"linear {inner}{bias} from=input", split_kv, *spread], "v"),
        ]
        back = "rearrange 'g r n d -> n (g r d)'" if shared else "rearrange 'h n d -> n (h d)'"
        end = "" if self.bias == "true" else " bias=false"
        return [*parts, "sdpa q=q k=k v=v causal=true", [back, f"linear width{end}"]]

    def _normed(self, split: str, heads: str) -> list[Item]:
        """Queries or keys, split into heads and normalised."""
        if self.qknorm == "shared":
            return [split, self.norm]
        plain = self.norm.replace(" bias=false", "") + " affine=false"
        shared = self.kv_heads != self.heads
        shape = "(heads)x1x(head)" if not shared else "(kv_heads)x(heads//kv_heads)x1x(head)"
        shape = "(kv_heads)x1x1x(head)" if shared and heads == "kv_heads" else shape
        return [split, plain, {"mul": ["prev", [f"parameter {shape}"]]}]

    def feedforward(self, ff: str) -> list[Item]:
        """The layers of a feed-forward network of that width."""
        bias = "" if self.ff_bias else " bias=false"
        act = activated(self.act)
        if self.gated:
            return [{"mul": [[f"linear {ff}{bias}", *act], [f"linear {ff}{bias}"]]}, f"linear width{bias}"]
        return [f"linear {ff}{bias}", *act, f"linear width{bias}"]

    def mixture(self, experts: Experts) -> list[Item]:
        """The layers of a mixture of experts."""
        keys: dict[str, Item] = {"experts": "experts", "top_k": "top_k", "layers": ["expert"]}
        moe: Item = {"moe": {**keys, "bias": "true"} if experts.biased else keys}
        if experts.shared is None:
            return [moe]
        shared: Item = ["mlp shared_ff"]
        if experts.gated:
            shared = [{"mul": [["mlp shared_ff"], ["linear 1 bias=false", "sigmoid"]]}]
        return [{"add": [[moe], shared]}]

    def _branch(self, items: Sequence[Item], norm: str) -> list[Item]:
        """A residual around a sublayer, with its norms."""
        before = [norm] if self.placement in ("before", "around") else []
        after = [norm] if self.placement in ("after", "around") else []
        after += [f"scale {number(self.scale_branch)}"] if self.scale_branch != 1 else []
        after += [f"dropout {number(self.branch_dropout)}"] if self.branch_dropout else []
        return [{"residual": [*before, *items, *after]}, *([norm] if self.placement == "outside" else [])]

    def body(self, layer: Layer) -> list[Item]:
        """The items of one layer."""
        attend: list[Item] = ["attend"] if self.written_out else [self.attention(layer)]
        attend = [layer.mixer] if layer.mixer is not None else attend
        if self.experts is not None and layer.ff is None:
            part = self.mixture(self.experts)
        else:
            part = ["mlp"] if self._has_mlp() else self.feedforward(layer.ff or "ff")
        if self.parallel is None:
            return [*self._branch(attend, self.norm), *self._branch(part, self.norm)]
        drop = [f"dropout {number(self.branch_dropout)}"] if self.branch_dropout else []
        if self.parallel == "apart":
            return [{"residual": [{"add": [[self.norm, *attend, *drop], [self.norm, *part, *drop]]}]}]
        return [{"residual": [self.norm, {"add": [[*attend, *drop], [*part, *drop]]}]}]

    def _name(self, layer: Layer) -> str:
        """The name of a kind's block, by what distinguishes it from the others."""
        words = []
        if len({one.window for one in self.layers}) > 1:
            words.append("near" if layer.window is not None else "far")
        if len({one.theta is None for one in self.layers}) > 1 and not words:
            words.append("placed" if layer.theta is not None else "unplaced")
        if len({one.ff for one in self.layers}) > 1:
            words.append("dense" if layer.ff is not None else "sparse")
        if len({one.mixer for one in self.layers}) > 1:
            words.append(layer.mixer or "attending")
        return "_".join([*words, "layer"])

    def _has_mlp(self) -> bool:
        """Whether the feed-forward network is a block because it occurs several times."""
        return len(set(self.layers)) > 1 and self.experts is None

    def spec(self) -> Spec:
        """The spec of the model. Raises `SpecError` for incompatible sizes."""
        config = self.config
        if self.kv_heads > self.heads or self.heads % self.kv_heads:
            config.wrong("num_key_value_heads", f"{self.heads} heads are not divisible by {self.kv_heads}")
        spec = Spec(config.model_type)
        spec.hparams = {"vocab": self.vocab}
        spec.hparams |= {"context": self.positions} if self.learned_positions else {}
        spec.hparams |= {"table": self.table} if self.table is not None else {}
        spec.hparams |= {"width": self.width, "heads": self.heads}
        spec.hparams |= {"kv_heads": self.kv_heads} if self.kv_heads != self.heads else {}
        named = self.head * self.heads != self.width or self.written_out
        spec.hparams |= {"head": self.head} if named and self.attend is None else {}
        spec.hparams |= self.sizes
        used = {layer.ff for layer in self.layers}
        spec.hparams |= {"ff": self.ff} if "ff" in used else {}
        if self.experts is not None and None in used:
            spec.hparams |= {"experts": self.experts.count, "top_k": self.experts.chosen, "expert_ff": self.experts.ff}
            spec.hparams |= {"shared_ff": self.experts.shared} if self.experts.shared is not None else {}
        alike = len(set(self.layers)) == 1
        spec.hparams |= {"depth": self.depth} if alike else {}
        spec.dims = {"seq": min(self.positions, _SHOWN)}
        spec.inputs = ["seq"]
        spec.blocks = self._blocks(used)
        if self.table is not None:
            spec.layers = ["embedding vocab dim=table name=embed_tokens", "linear width bias=false name=project_in"]
        else:
            spec.layers = ["embedding vocab dim=width name=embed_tokens"]
        spec.layers += [f"scale {self.scale_in}"] if self.scale_in is not None else []
        spec.layers += self.stem
        spec.layers += repeated(self.layers, self.body if alike else lambda layer: [self._name(layer)], "depth")
        spec.layers += [f"{self.final} name=norm"] if self.final is not None else []
        spec.layers += ["linear table bias=false name=project_out"] if self.table is not None else []
        spec.layers += self._head(spec)
        return spec

    def _blocks(self, used: set[str | None]) -> dict[str, Sequence[Item]]:
        blocks: dict[str, Sequence[Item]] = {}
        if self.experts is not None and None in used:
            if self.experts.shared is not None:
                blocks["mlp(ff)"] = self.feedforward("ff")
                blocks["expert"] = ["mlp expert_ff"]
            else:
                blocks["expert"] = self.feedforward("expert_ff")
        elif self._has_mlp():
            blocks["mlp"] = self.feedforward("ff")
        if self.written_out:
            blocks["attend"] = self.attend or self._projected(self.layers[0])
        blocks |= self.mixers
        kinds = dict.fromkeys(self.layers)
        blocks |= {self._name(layer): self.body(layer) for layer in kinds if len(kinds) > 1}
        return blocks

    def _head(self, spec: Spec) -> list[Item]:
        if self.builds == "Model":
            return []
        if self.builds == "ForSequenceClassification":
            return [f"linear {labels(self.config)} bias=false name=score", "select -1"]
        if self.builds == "ForTokenClassification":
            dropout = self.config.maybe_number("classifier_dropout")
            return [
                f"dropout {number(0.1 if dropout is None else dropout)}",
                f"linear {labels(self.config)} name=score",
            ]
        spec.loss = "crossentropy"
        bias = "" if self.head_bias else " bias=false"
        head: list[Item] = [f"linear vocab{bias}{' tie=embed_tokens' if self.tied else ''} name=lm_head"]
        head += [f"scale {number(self.scale_out)}"] if self.scale_out != 1 else []
        if self.cap is not None:
            cap = number(self.cap)
            head.append([f"scale 1/{cap}", "tanh", f"scale {cap}"])
        return head


def _named(items: list[Item], name: str) -> list[Item]:
    """A chain whose last layer is named: `name=` in a line, else a `name` key."""
    lines: list[Item] = []
    for item in items:
        if isinstance(item, str) and lines and isinstance(lines[-1], list):
            lines[-1] = [*lines[-1], item]
        else:
            lines.append([item] if isinstance(item, str) else item)
    last = lines[-1]
    if isinstance(last, list):
        return [*lines[:-1], [*last[:-1], f"{last[-1]} name={name}"]]
    assert isinstance(last, dict)
    return [*lines[:-1], {**last, "name": name}]


def _norm(name: str, eps: float, usual: float) -> str:
    return name if eps == usual else f"{name} eps={number(eps)}"
