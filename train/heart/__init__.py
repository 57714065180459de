"""The bundled heart-disease models: data, pipelines, cross-validation and export to artefacts."""
