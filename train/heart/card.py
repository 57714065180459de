"""Writes model.yaml: what the model file cannot say about itself."""

import platform
from importlib.metadata import version as installed

import numpy as np
import yaml

from heart import data, validation
from heart.features import CATEGORY, CLASSES, FEATURES, Feature
from heart.models import MODEL_NAME, Version

FORMAT = 1
TOOLS = ("scikit-learn", "skl2onnx", "onnx", "numpy", "scipy")
CREDIT = (
    "Andras Janosi, Hungarian Institute of Cardiology, Budapest",
    "William Steinbrunn, University Hospital, Zurich",
    "Matthias Pfisterer, University Hospital, Basel",
    "Robert Detrano, V.A. Medical Center, Long Beach and Cleveland Clinic Foundation",
)
EXAMPLES = (
    (0, "A man of 63 with typical angina; recorded: no disease."),
    (1, "A man of 67 without chest pain; recorded: disease."),
    (166, "A man of 52 whose vessels were not counted (ca is null); recorded: no disease."),
    (266, "A man of 52 without a thallium scan (thal is null); recorded: disease."),
)
"""Rows of heart.csv, counted from 0, that the server answers at start before it is ready."""

DESCRIPTION = """\
Estimates whether a coronary vessel is narrowed by more than half, from what a cardiology
clinic measured before the angiogram. Trained on 303 patients of one American hospital in
the 1980s, all of them sent for an angiogram: it says nothing about people in general.
A demonstration of how to serve a model; not a medical device and not for medical use.
"""
HEADER = "# Written by train/train.py from train/data/heart.csv: change those, not this file.\n"


class _Dumper(yaml.SafeDumper):
    """SafeDumper with text of several lines as literal blocks and list items indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def write(
    version: Version,
    table: data.Table,
    golden: list[dict],
    metrics: dict[str, validation.Estimate],
    comparison: str,
) -> str:
    """Compose the file's text; `golden` holds scikit-learn's answers for all rows of the table."""
    content = {
        "format": FORMAT,
        "name": MODEL_NAME,
        "version": version.version,
        "title": version.title,
        "description": DESCRIPTION,
        "features": [_feature(feature, table) for feature in FEATURES],
        "classes": [{"label": label, "name": name} for label, name in CLASSES.items()],
        "outputs": [
            {"name": "label", "role": "label", "description": "The likelier class."},
            {
                "name": "probabilities",
                "role": "probabilities",
                "description": "The chance of each class, in the order of the classes.",
            },
        ],
        "examples": [_example(golden[index], text) for index, text in EXAMPLES],
        "training": {
            "algorithm": version.algorithm,
            "data": {
                "name": data.PATH.name,
                "sha256": data.SHA256,
                "rows": len(table.y),
                "source": "UCI Heart Disease (Cleveland), doi 10.24432/C52P4X",
                "licence": "CC BY 4.0",
                "credit": list(CREDIT),
            },
            "tools": {"python": ".".join(platform.python_version_tuple()[:2])}
            | {tool: installed(tool) for tool in TOOLS},
            "validation": validation.DESCRIPTION,
            "metrics": [
                {
                    "name": name,
                    "mean": round(item.mean, 4),
                    "standard_error": round(item.standard_error, 4),
                }
                for name, item in metrics.items()
            ],
            "comparison": comparison,
        },
    }
    return HEADER + yaml.dump(
        content,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=110,
    )


def _feature(feature: Feature, table: data.Table) -> dict:
    entry: dict = {"name": feature.name, "type": feature.type}
    if feature.unit:
        entry["unit"] = feature.unit
    entry["description"] = feature.description
    if feature.nullable:
        entry |= {"nullable": True, "missing": feature.missing}
    column = table.X[feature.name]
    if feature.type == CATEGORY:
        entry["categories"] = [
            {"value": code, "meaning": meaning, "rows": int((column == code).sum())}
            for code, meaning in feature.meanings.items()
        ]
        return entry
    known = column.dropna().to_numpy(dtype=float)
    entry["valid"] = {"min": feature.valid[0], "max": feature.valid[1]}
    entry["training"] = {
        "min": _number(known.min()),
        "max": _number(known.max()),
        "quantiles": deciles(known),
    }
    return entry


def deciles(known: np.ndarray) -> list[int | float]:
    """Return the 11 deciles, 0 % to 100 %, each one a value that was measured."""
    steps = np.linspace(0, 1, 11)
    return [_number(value) for value in np.quantile(known, steps, method="inverted_cdf")]


def _number(value: float) -> int | float:
    value = float(value)
    return int(value) if value.is_integer() else value


def _example(answer: dict, text: str) -> dict:
    return {
        "description": text,
        "row": answer["row"],
        "label": answer["label"],
        "probabilities": answer["probabilities"],
    }
