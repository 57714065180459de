"""FastAPI in front of ONNX Runtime, as one writes it: fastapi_server.py MODEL PORT.

The body and the checks are those of the function's /predict: names in the
model's order, the width of every row, the types of the cells.
"""

import sys

import fastapi
import pydantic
import uvicorn
from fastapi.responses import JSONResponse

import scorer


class Table(pydantic.BaseModel):
    """Rows under the names of their columns."""

    features: list[str]
    data: list[list[float | str]]


def application(model):
    """Make the application of a model."""
    app = fastapi.FastAPI()
    names = list(model.types)
    classes = ["no disease", "disease"]

    def refuse(text):
        raise fastapi.HTTPException(400, text)

    @app.get("/v2/health/ready")
    async def ready():
        return {"ready": True}

    @app.post("/predict")
    async def predict(table: Table):
        if table.features != names:
            refuse(f"features: expected {names}")
        if not table.data:
            refuse("data: expected one row or more")
        for i, row in enumerate(table.data):
            if len(row) != len(names):
                refuse(f"row {i}: expected {len(names)} values, got {len(row)}")
        columns = dict(zip(names, zip(*table.data, strict=True), strict=True))
        try:
            labels, probabilities = model.score(columns)
        except ValueError as e:
            refuse(str(e))
        # A response of its own spares FastAPI's walk through every value.
        return JSONResponse(
            {
                "model": "heart-disease",
                "predictions": [
                    {
                        "label": label,
                        "class": classes[label],
                        "probabilities": dict(zip(classes, row, strict=True)),
                    }
                    for label, row in zip(labels.tolist(), probabilities.tolist(), strict=True)
                ],
            }
        )

    return app


def main():
    """Serve a model file on a port."""
    app = application(scorer.Scorer(sys.argv[1]))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]))


if __name__ == "__main__":
    main()
