"""The arguments of layers in other libraries, in order, and which key of ours each is.

A signature lists the library's own names, separated by spaces; `filters=channels` gives the key if no alias of the
layer does. What is not a key is omitted if the language infers it or does without it (`LEFT_OUT`), else refused.
"""

from __future__ import annotations

_POOL = "kernel_size stride padding"
_RNN = "input_size hidden_size num_layers"
TORCH = {
    "conv": "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode",
    "convtranspose": "in_channels out_channels kernel_size stride padding output_padding groups bias dilation padding_mode",
    "unfold": "kernel_size dilation padding stride",
    "fold": "output_size kernel_size dilation padding stride",
    "linear": "in_features out_features bias",
    "embedding": "num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse",
    "maxpool": f"{_POOL} dilation return_indices ceil_mode",
    "avgpool": f"{_POOL} ceil_mode count_include_pad divisor_override",
    "adaptiveavgpool": "output_size",
    "adaptivemaxpool": "output_size return_indices",
    "batchnorm": "num_features eps momentum affine track_running_stats device dtype bias",
    "instancenorm": "num_features eps momentum affine track_running_stats device dtype bias",
    "layernorm": "normalized_shape eps elementwise_affine bias",
    "rmsnorm": "normalized_shape eps elementwise_affine",
    "groupnorm": "num_groups num_channels eps affine device dtype bias",
    "localresponsenorm": "size alpha beta k",
    "rnn": f"{_RNN} nonlinearity bias batch_first dropout bidirectional proj_size",
    "lstm": f"{_RNN} bias batch_first dropout bidirectional proj_size",
    "gru": f"{_RNN} bias batch_first dropout bidirectional proj_size",
    "attention": "embed_dim num_heads dropout bias add_bias_kv add_zero_attn kdim vdim batch_first",
    "upsample": "size scale_factor mode align_corners recompute_scale_factor",
    "pixelshuffle": "upscale_factor",
    "pixelunshuffle": "downscale_factor",
    "channelshuffle": "groups",
    "dropout": "p inplace",
    "leakyrelu": "negative_slope inplace",
    "prelu": "num_parameters init",
    "elu": "alpha inplace",
    "celu": "alpha inplace",
    "gelu": "approximate",
    "glu": "dim",
    "softplus": "beta threshold",
    "softmax": "dim",
    "logsoftmax": "dim",
    "hardtanh": "min_val max_val inplace",
    "flatten": "start_dim end_dim",
    **dict.fromkeys(("relu", "relu6", "selu", "silu", "mish", "hardswish", "hardsigmoid"), "inplace"),
    **dict.fromkeys(("sigmoid", "tanh", "softsign", "logsigmoid", "identity"), ""),
}  # fmt: skip
# Functions whose first argument is the tensor; the others take what their class takes.
TORCH_FUNCTIONS = {
    "maxpool": f"{_POOL} dilation ceil_mode return_indices",
    "dropout": "p training inplace",
    "softmax": "dim _stacklevel dtype",
    "logsoftmax": "dim _stacklevel dtype",
    "layernorm": "normalized_shape weight=- bias=- eps",
    "rmsnorm": "normalized_shape weight=- eps",
    "groupnorm": "num_groups weight=- bias=- eps",
    "pow": "exponent",
    "split": "chunks=parts dim=axis",
    "roll": "shifts dims",
    **dict.fromkeys(
        ("exp", "neg", "abs", "sqrt", "rsqrt", "square", "log", "sin", "cos", "floor", "sign", "reciprocal"), ""
    ),
}

_KERAS_POOL = "pool_size=kernel strides=stride padding data_format"
_KERAS_RNN = "units=hidden activation=- recurrent_activation=- use_bias=bias"
KERAS = {
    "dense": "units=features activation use_bias=bias",
    "conv": "filters=channels kernel_size=kernel strides=stride padding data_format dilation_rate=dilation groups activation use_bias=bias",
    "convtranspose": "filters=channels kernel_size=kernel strides=stride padding output_padding data_format dilation_rate=dilation activation use_bias=bias",
    "maxpooling": _KERAS_POOL,
    "maxpool": _KERAS_POOL,
    "averagepooling": _KERAS_POOL,
    "avgpool": _KERAS_POOL,
    "upsampling": "size=scale data_format interpolation=mode",
    "zeropadding": "padding=size data_format",
    "batchnormalization": "axis=- momentum=- epsilon=eps center=bias scale=affine",
    "layernormalization": "axis=- epsilon=eps center=bias scale=affine",
    "groupnormalization": "groups axis=- epsilon=eps center=bias scale=affine",
    "embedding": "input_dim=vocab output_dim=dim",
    "lstm": _KERAS_RNN,
    "gru": _KERAS_RNN,
    "simplernn": _KERAS_RNN,
    "multiheadattention": "num_heads=heads key_dim=head_dim value_dim dropout use_bias=bias",
    "dropout": "rate=p noise_shape=- seed=-",
    "flatten": "data_format",
    "leakyrelu": "negative_slope=slope alpha=slope",
    "elu": "alpha",
    "softmax": "axis",
    "repeatvector": "n",
    **dict.fromkeys(("relu", "sigmoid", "tanh", "gelu", "silu", "selu", "softplus", "softsign", "identity"), ""),
}  # fmt: skip

_FLAX_CONV = "features=channels kernel_size=kernel strides=stride padding input_dilation=- kernel_dilation=dilation feature_group_count=groups use_bias=bias"
FLAX = {
    "dense": "features use_bias=bias",
    "conv": _FLAX_CONV,
    "convtranspose": "features=channels kernel_size=kernel strides=stride padding kernel_dilation=dilation use_bias=bias",
    "embed": "num_embeddings=vocab features=dim",
    "layernorm": "epsilon=eps dtype param_dtype use_bias=bias use_scale=affine",
    "rmsnorm": "epsilon=eps dtype param_dtype use_scale=affine",
    "batchnorm": "use_running_average=- axis=- momentum=- epsilon=eps dtype param_dtype use_bias=bias use_scale=affine",
    "groupnorm": "num_groups=groups group_size=- epsilon=eps dtype param_dtype use_bias=bias use_scale=affine",
    "dropout": "rate=p broadcast_dims=- deterministic=-",
    "selfattention": "num_heads=heads",
    "multiheaddotproductattention": "num_heads=heads",
    "multiheadattention": "num_heads=heads",
    **dict.fromkeys(("relu", "sigmoid", "tanh", "gelu", "silu", "swish", "selu", "softplus", "relu6", "leakyrelu"), ""),
    "softmax": "axis",
    "logsoftmax": "axis",
    "maxpool": "window_shape=kernel strides=stride padding",
    "avgpool": "window_shape=kernel strides=stride padding",
}
# The newer interface of Flax states the input sizes.
NNX = FLAX | {
    "linear": "in_features out_features use_bias=bias",
    "conv": f"in_features {_FLAX_CONV.replace('features=', 'out_features=', 1)}",
    "convtranspose": "in_features out_features=channels kernel_size=kernel strides=stride padding",
    "layernorm": "num_features epsilon=eps use_bias=bias use_scale=affine",
    "rmsnorm": "num_features epsilon=eps use_scale=affine",
    "batchnorm": "num_features use_running_average=- axis=- momentum=- epsilon=eps",
    "groupnorm": "num_features num_groups=groups",
    "multiheadattention": "num_heads=heads in_features",
}

# Values of omitted arguments, where other libraries have a different default from the layer here.
DEFAULTS: dict[str, dict[str, dict[str, str]]] = {
    "torch": {"rmsnorm": {"eps": "1.1920929e-07"}},  # of float32, where eps is None
    "keras": {
        **{norm: {"eps": "0.001"} for norm in ("batchnorm", "layernorm", "groupnorm")},
        "leakyrelu": {"slope": "0.3"},
    },
    "tensorflow": {"leakyrelu": {"slope": "0.2"}},
    "flax": {
        **{norm: {"eps": "1e-06"} for norm in ("layernorm", "rmsnorm", "groupnorm")},
        "gelu": {"approximate": "tanh"},
    },
}
# Functions over axes, which JAX and TensorFlow count including the batch and with channels last.
REDUCING = ("mean", "sum", "max", "min", "var", "std", "logsumexp", "argmax", "argmin", "cumsum", "flip", "norm")

# Arguments that Flax has and PyTorch does not.
FLAX_KEYS = frozenset(
    ("epsilon", "use_bias", "use_scale", "features", "strides", "kernel_dilation", "use_running_average", "param_dtype",
     "deterministic", "broadcast_dims", "rate", "feature_group_count", "num_features_per_head", "rngs")
)  # fmt: skip

# How other libraries pass the sizes that a spec never states.
INFERRED = (
    "in_channels", "in_features", "num_features", "input_size", "embed_dim", "num_channels", "normalized_shape",
    "kdim", "vdim", "batch_first", "d_model", "input_length", "input_shape", "input_dim", "in_planes", "batch_input_shape",
)  # fmt: skip
# Arguments that change neither a size, nor a count, nor what a trained network computes.
NEUTRAL = (
    "inplace", "device", "dtype", "training", "param_dtype", "data_format", "rngs", "key", "seed", "trainable",
    "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "kernel_init", "bias_init",
    "precision", "deterministic", "momentum", "_stacklevel", "rng", "mask_zero", "embeddings_initializer",
    "depthwise_initializer", "pointwise_initializer", "recurrent_initializer", "kernel_constraint", "unroll", "stateful",
    "time_major", "bias_constraint", "activity_regularizer",
)  # fmt: skip
LEFT_OUT = frozenset((*INFERRED, *NEUTRAL))
