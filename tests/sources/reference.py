"""What transformers itself says of a configuration: parameters and MACs of the model on the meta device.

Needs transformers beside torch, which the tests do not: `python -m tests.sources.reference` writes what they compare
with to huggingface.json, for the configurations in `cases.py`, and whole files as transformers saves them.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("huggingface.json")
WHOLE = Path(__file__).with_name("whole_files.json")


def counts(case: dict[str, Any]) -> dict[str, int]:
    """Parameters and MACs of the class that a case names, for its inputs."""
    import torch

    sys.modules.setdefault("torchvision", None)  # type: ignore[arg-type]  # one for another PyTorch would not load
    import transformers
    from torch.utils.flop_counter import FlopCounterMode

    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    config = transformers.AutoConfig.for_model(**case["config"])
    for part in (config, *(getattr(config, name, None) for name in getattr(config, "sub_configs", {}))):
        if part is not None:
            part._attn_implementation = "eager"
            part._experts_implementation = "batched_mm"
    name = case["config"]["architectures"][0]
    # some classes ask for values of masks, which a meta tensor has none of
    with torch.device(case.get("device", "meta")):
        model = getattr(transformers, name)(config).eval().requires_grad_(False)
        inputs = {key: _tensor(torch, shape, case.get("numbers", False)) for key, shape in case["inputs"].items()}
        inputs |= {key: torch.tensor(value) for key, value in case.get("values", {}).items()}
    numbers = {"params": sum(p.numel() for p in model.parameters())}
    if case.get("macs", True):
        counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.bmm: _product})
        with counter, torch.no_grad():
            model(**inputs, **({"use_cache": False} if case.get("causal") else {}))
        numbers["macs"] = counter.get_total_flops() // 2
    return numbers


def _product(x: list[int], y: list[int], **_: Any) -> int:
    """Twice the multiplications of a batch of matrix products; the angles of rotary positions, outer products, are none."""
    return 2 * x[0] * x[1] * x[2] * y[2] if x[2] > 1 else 0


def _tensor(torch: Any, shape: list[int], numbers: bool) -> Any:
    """An input of that shape: three axes or more are numbers but for boxes, two are tokens unless said otherwise."""
    return torch.ones(shape) if numbers or (len(shape) > 2 and shape[-1] > 4) else torch.zeros(shape, dtype=torch.long)


def main(names: list[str]) -> None:
    """Records what the cases, or those named, come to."""
    from tests.sources.all_cases import CASES

    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for name, case in CASES.items():
        if not names or any(name.startswith(one) for one in names):
            try:
                record[name] = counts(case)
            except Exception as error:  # the next case has nothing to do with it
                record.pop(name, None)
                print(name, f"{type(error).__name__}: {error}", flush=True)
            else:
                print(name, record[name], flush=True)
    _save_whole_files()
    RECORD.write_text(
        json.dumps({name: record[name] for name in CASES if name in record}, indent=1) + "\n", encoding="utf-8"
    )


def _save_whole_files() -> None:
    """Writes, for a case of each model type, the file with every key that transformers saves."""
    import transformers

    from tests.sources.all_cases import CASES

    whole: dict[str, Any] = {}
    for name, case in CASES.items():
        if not any(one.startswith(name.split("/")[0] + "/") for one in whole):
            config = transformers.AutoConfig.for_model(**case["config"]).to_dict()
            whole[name] = {**config, "architectures": case["config"]["architectures"]}
    lines = [f"{json.dumps(name)}: {json.dumps(config, default=str)}" for name, config in whole.items()]
    WHOLE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
