"""What the thirteen columns mean: types, units, hard bounds and codes.

The codes are those of the UCI repository. The bounds are physical ones, chosen wide: a value
outside them is a mistake of the sender (a wrong unit, a slipped digit), not a rare patient.
"""

from dataclasses import dataclass

NUMBER = "number"
CATEGORY = "category"

TARGET = "target"
"""The column to predict: 1 = a vessel is narrowed by more than half, 0 = none is."""

CLASSES = {0: "no disease", 1: "disease"}


@dataclass(frozen=True)
class Feature:
    """One input column: `valid` is set for numbers, `meanings` (code -> meaning) for categories.

    `missing` is the token that the pipeline takes for an unknown value; without one, the column
    must be filled.
    """

    name: str
    type: str
    description: str
    unit: str | None = None
    valid: tuple[float, float] | None = None
    meanings: dict[int | str, str] | None = None
    missing: str | None = None

    @property
    def nullable(self) -> bool:
        """Whether a client may leave the value out."""
        return self.missing is not None

    @property
    def is_text(self) -> bool:
        """Whether the codes are strings, which is how a category gets a token for 'missing'."""
        return self.meanings is not None and all(isinstance(code, str) for code in self.meanings)


FEATURES = (
    Feature("age", NUMBER, "Age at the examination.", unit="years", valid=(0, 120)),
    Feature("sex", CATEGORY, "Sex as recorded.", meanings={0: "female", 1: "male"}),
    Feature(
        "cp",
        CATEGORY,
        "Kind of chest pain.",
        meanings={
            1: "typical angina",
            2: "atypical angina",
            3: "non-anginal pain",
            4: "asymptomatic",
        },
    ),
    Feature(
        "trestbps",
        NUMBER,
        "Resting blood pressure on admission.",
        unit="mm Hg",
        valid=(40, 300),
    ),
    Feature("chol", NUMBER, "Serum cholesterol.", unit="mg/dl", valid=(50, 1000)),
    Feature(
        "fbs",
        CATEGORY,
        "Fasting blood sugar above 120 mg/dl.",
        meanings={0: "no", 1: "yes"},
    ),
    Feature(
        "restecg",
        CATEGORY,
        "Electrocardiogram at rest.",
        meanings={
            0: "normal",
            1: "ST-T wave abnormality",
            2: "probable or definite left ventricular hypertrophy",
        },
    ),
    Feature(
        "thalach",
        NUMBER,
        "Highest heart rate reached in the exercise test.",
        unit="beats/min",
        valid=(30, 250),
    ),
    Feature("exang", CATEGORY, "Angina brought on by exercise.", meanings={0: "no", 1: "yes"}),
    Feature(
        "oldpeak",
        NUMBER,
        "ST depression under exercise, relative to rest.",
        unit="mm",
        valid=(0, 15),
    ),
    Feature(
        "slope",
        CATEGORY,
        "Slope of the ST segment at peak exercise.",
        meanings={1: "rising", 2: "flat", 3: "falling"},
    ),
    Feature(
        "ca",
        NUMBER,
        "Major vessels coloured by fluoroscopy.",
        unit="vessels",
        valid=(0, 3),
        missing="NaN",
    ),
    Feature(
        "thal",
        CATEGORY,
        "Thallium scan of the heart muscle.",
        meanings={"3": "normal", "6": "fixed defect", "7": "reversible defect"},
        missing="",
    ),
)

NAMES = tuple(feature.name for feature in FEATURES)
NUMBERS = tuple(feature.name for feature in FEATURES if feature.type == NUMBER)
